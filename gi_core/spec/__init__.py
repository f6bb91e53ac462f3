"""The language: frozen settings of everything that can be asked. No torch."""

from gi_core.spec.base import Component, Settings, SpecError
from gi_core.spec.check import Problem, problems
from gi_core.spec.experiment import Experiment, read_experiment
from gi_core.spec.parse import build, parse_component, with_setting
from gi_core.spec.registry import ATTACKS, CLIENTS, DEFENSES, MODELS

__all__ = [
    "ATTACKS", "CLIENTS", "DEFENSES", "MODELS", "Component", "Experiment", "Problem", "Settings",
    "SpecError", "build", "parse_component", "problems", "read_experiment", "with_setting",
]  # fmt: skip
