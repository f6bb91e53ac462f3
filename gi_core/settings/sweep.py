"""Many experiments as one question: a base, and axes (a grid) or a list of what differs from it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from gi_core.common.errors import SpecError
from gi_core.settings.base import Question, Settings, setting
from gi_core.settings.documents import read_json, read_toml
from gi_core.settings.experiment import Experiment
from gi_core.settings.overrides import overridden
from gi_core.settings.sentences import made
from gi_core.settings.utility import Training

MOST_MEMBERS = 1000


class Axis(Settings):
    """One thing that varies.

    path: dotted, in the Experiment (`attack`, `defenses`, `model.width`, `seed`, `samples`); with a path each value is
    what stands there. Without one, each value is an object of several paths that change together.
    labels: what a person reads in place of the values, one for each.
    """

    name: str = setting(..., "What a person calls it.", min_length=1, max_length=60)
    path: str | None = setting(None, "Dotted path in the experiment; several change together when empty.")
    values: tuple[Any, ...] = setting(
        ..., "What stands there, one experiment each.", min_length=1, max_length=MOST_MEMBERS
    )
    labels: tuple[str, ...] | None = setting(None, "Names of the values, one for each.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.labels is not None and len(self.labels) != len(self.values):
            raise ValueError(f"axis {self.name!r}: give one label for each of its {len(self.values)} values")
        if self.path is None and not all(isinstance(v, dict) and v for v in self.values):
            raise ValueError(f"axis {self.name!r} has no path, so each value is an object of paths with values")
        return self

    def changes(self, index: int) -> dict[str, Any]:
        """What the value sets, by path."""
        value = self.values[index]
        return dict(value) if self.path is None else {self.path: value}

    def label(self, index: int) -> str:
        """What a person reads for the value."""
        if self.labels is not None:
            return self.labels[index]
        value = self.values[index]
        if isinstance(value, (list, tuple)):
            return " + ".join(map(_short, value)) or "none"
        return _short(value)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("kind") or ", ".join(f"{k}={v}" for k, v in value.items()))[:80]
    return str(value)[:80]


class Sweep(Question):
    """base + axes (every combination, the first axis slowest) or experiments (a list of changes) + utility."""

    schema_version: Literal[1] = 1
    name: str = setting("Sweep", "What it is called in lists.", title="Name", min_length=1, max_length=120)
    question: str = setting("", "What it is to answer, in one sentence.", title="Question", max_length=400)
    base: Experiment = Experiment()
    axes: tuple[Axis, ...] = setting((), "What varies; every combination is run.", max_length=8)
    experiments: tuple[dict[str, Any], ...] = setting(
        (), "In place of axes: one object of paths with values for each experiment.", max_length=MOST_MEMBERS
    )
    utility: Training | None = setting(
        None, "Also measure accuracy, once for each network, client and defense, by this training."
    )

    @field_validator("base", mode="before")
    @classmethod
    def _base_by_paths(cls, value: Any) -> Any:
        """Written as an experiment's settings, where a component may be a text such as dlg:trials=2."""
        return overridden(Experiment(), value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.axes and self.experiments:
            raise ValueError("give axes or experiments, not both")
        names = [axis.name for axis in self.axes]
        if len(set(names)) < len(names):
            raise ValueError("two axes have the same name")
        first: dict[str, str] = {}
        for axis in self.axes:
            if axis.path is not None and first.setdefault(axis.path, axis.name) != axis.name:
                raise ValueError(f"axes {first[axis.path]!r} and {axis.name!r} both set {axis.path}: leave one out")
        if self.size > MOST_MEMBERS:
            raise ValueError(f"these axes ask for {self.size} experiments; {MOST_MEMBERS} are allowed")
        return self

    @property
    def size(self) -> int:
        """How many experiments it asks for."""
        if self.experiments:
            return len(self.experiments)
        return prod(len(axis.values) for axis in self.axes)


@dataclass(frozen=True)
class Member:
    """One experiment of a sweep. point: axis name -> label of its value; of a list, {"experiment": its number from 1}."""

    position: int
    point: dict[str, str]
    experiment: Experiment


def members(sweep: Sweep) -> list[Member]:
    """All experiments, in order. Raises SpecError that names the one that cannot be."""
    if sweep.experiments:
        asked = [({"experiment": str(i + 1)}, changes) for i, changes in enumerate(sweep.experiments)]
    else:
        asked = []
        for combination in itertools.product(*(range(len(axis.values)) for axis in sweep.axes)):
            chosen = list(zip(sweep.axes, combination, strict=True))
            point = {axis.name: axis.label(i) for axis, i in chosen}
            asked.append((point, {k: v for axis, i in chosen for k, v in axis.changes(i).items()}))
    found = []
    for position, (point, changes) in enumerate(asked):
        try:
            found.append(Member(position, point, overridden(sweep.base, changes)))
        except SpecError as error:
            at = ", ".join(f"{k} {v}" for k, v in point.items())
            raise SpecError(f"experiment {position + 1} of the sweep ({at}): {error}") from None
    return found


def build_sweep(values: dict[str, Any]) -> Sweep:
    """A Sweep from plain values. Raises SpecError with one sentence."""
    return made(Sweep, values, "the sweep is not valid: ")


def read_sweep(content: bytes, toml: bool) -> Sweep:
    """Read a sweep from the bytes of a TOML or JSON file. Raises SpecError with one sentence."""
    values = (read_toml if toml else read_json)(content, what="the file")
    if not isinstance(values, dict) or not values:
        raise SpecError("the file holds no sweep: write a [base] and [[axes]] with name, path and values")
    return build_sweep(values)
