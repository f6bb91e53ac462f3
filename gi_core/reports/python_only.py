"""Runs of what only a Python program held: its own module, its own gradients. They are repeated there, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_core.reports.written import call
from gi_core.settings import Experiment
from gi_core.settings.own_network import MEMORY, OwnNetwork
from gi_core.settings.sizes import sides

_WHERE = "# The network and the update are those of the program that asked: build them here as it did."
YOURS = " (a module of your program)"
"""Behind the name of a module's class."""
NO_COMMAND = "The network or the update was held by a Python program, so no command line repeats this."


def is_held(experiment: Experiment) -> bool:
    """Whether a Python program held the network or the update."""
    return has_held_network(experiment) or bool(experiment.recorded and experiment.recorded.update.startswith(MEMORY))


def has_held_network(experiment: Experiment) -> bool:
    """Whether a Python program held the network."""
    return isinstance(experiment.model, OwnNetwork) and experiment.model.source.startswith(MEMORY)


def network(experiment: Experiment) -> str:
    """What the network is called: the class of a held module, else as a command line writes it."""
    model = experiment.model
    if isinstance(model, OwnNetwork) and has_held_network(experiment):
        return model.source.removeprefix(MEMORY).rpartition("-")[0] + YOURS
    return model.name


def program(experiment: Experiment, plan: Mapping[str, Any] | None = None) -> str:
    """The call that repeats an attack on what a program held."""
    recorded, client = experiment.recorded, experiment.client
    words: dict[str, Any] = {"input_shape": (experiment.channels, *(sides(experiment.size) or ()))}
    if recorded is not None and recorded.images > 1:
        words["images"] = recorded.images
    if experiment.labels is not None and not client.own_loss:
        words["labels"] = list(experiment.labels)
    words |= {"attack": experiment.attack.name, "client": client.model_copy(update={"own_loss": ""}).name}
    if experiment.server.changes:
        words["server"] = experiment.server.name
    if experiment.defenses:
        words["defenses"] = [one.name for one in experiment.defenses]
    for name, plain in (("normalise", "none"), ("seed", 0), ("device", "auto"), ("seconds", None)):
        if getattr(experiment, name) != plain:
            words[name] = getattr(experiment, name)
    if plan:
        words["plan"] = dict(plan)
    given = ["model", "gradients", *(["loss=loss", "labels=targets"] if client.own_loss else [])]
    return f"import gi_core as gi\n\n{_WHERE}\n{call('attack', words, given)}print(result.verdict)\n"


def analysis(name: str, words: Mapping[str, Any], given: list[str]) -> str:
    """The call that repeats an analysis of what a program held."""
    return f"import gi_core as gi\n\n{_WHERE}\n{call(name, words, given)}print(result)\n"
