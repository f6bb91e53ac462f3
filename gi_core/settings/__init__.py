"""The language: frozen settings of everything that can be asked. No torch."""

from gi_core.common.errors import SpecError
from gi_core.settings.base import Component, Settings
from gi_core.settings.check import Problem, problems
from gi_core.settings.experiment import Experiment, read_experiment
from gi_core.settings.parse import build, parse_component, with_setting
from gi_core.settings.registry import ATTACKS, CLIENTS, DEFENSES, EVERY_MODEL, MODELS, SERVERS

__all__ = [
    "ATTACKS", "CLIENTS", "DEFENSES", "EVERY_MODEL", "MODELS", "SERVERS", "Component", "Experiment", "Problem",
    "Settings", "SpecError", "build", "parse_component", "problems", "read_experiment", "with_setting",
]  # fmt: skip
