"""Values that a form holds, to axes of a sweep around a base. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gi_core.experiments.measures import MEASURES
from gi_core.settings import DEFENSES, Component, Experiment, SpecError
from gi_core.settings.base import is_basic
from gi_core.settings.client import Trained
from gi_core.settings.documents import whole_number
from gi_core.settings.sweep import MOST_MEMBERS, Axis

NONE = "none"
_RANGE = re.compile(r"(\d+)\s*(?:-|–|to)\s*(\d+)")


def typed(text: str, whole: bool = True) -> list[int | float]:
    """The numbers of a text such as `1, 2, 4` or `1-5`, apart by commas or spaces. Raises SpecError."""
    found: list[int | float] = []
    spaced = _RANGE.sub(lambda m: f"{m[1]}-{m[2]}", text)
    for part in re.split(r"[,;\s]+", spaced.strip()):
        if not part:
            continue
        ends = _RANGE.fullmatch(part)
        if ends and whole:
            low, high = whole_number(ends[1]), whole_number(ends[2])
            if low is None or high is None:
                raise SpecError(f"{part[:40]!r} is no range: write one such as 1-5")
            if high - low >= MOST_MEMBERS:
                raise SpecError(f"{part} stands for {high - low + 1} values; {MOST_MEMBERS} are allowed")
            found += range(low, high + 1)
            continue
        try:
            number = int(part) if whole and len(part) < 20 else float(part)
            if whole and not isinstance(number, int) or not math.isfinite(number):
                raise ValueError
            found.append(number)
        except ValueError:
            kind = "whole numbers, such as 1, 2, 4 or 1-5" if whole else "numbers, such as 0.001, 0.01"
            raise SpecError(f"{part[:40]!r} is no value: write {kind}") from None
    if not found:
        raise SpecError("give one value at least")
    return found


def _part(base: Component, kind: str) -> str:
    """The part as the base has it where it is of that kind, else with its defaults."""
    return base.name if base.kind == kind else kind


def components(family: str, known: Mapping[str, type[Component]]) -> Callable[[Experiment, Sequence[str]], Axis]:
    """Kinds of a family, each with the base's settings where it is the base's."""

    def axis(base: Experiment, kinds: Sequence[str]) -> Axis:
        values = tuple(_part(getattr(base, family), kind) for kind in kinds)
        return Axis(name=family, path=family, values=values, labels=tuple(known[kind].title for kind in kinds))

    return axis


def defenses(base: Experiment, kinds: Sequence[str]) -> Axis:
    """An axis of one defense at a time, or none."""
    own = {d.kind: d.name for d in base.defenses}
    values = tuple([] if kind == NONE else [own.get(kind, kind)] for kind in kinds)
    labels = tuple("none" if kind == NONE else DEFENSES[kind].title for kind in kinds)
    return Axis(name="defense", path="defenses", values=values, labels=labels)


def strength(base: Experiment) -> tuple[str, str] | None:
    """(field, title) of the number that the base's first defense is set by."""
    for defense in base.defenses[:1]:
        for name, field in type(defense).model_fields.items():
            value = getattr(defense, name)
            if is_basic(field) and isinstance(value, (int, float)) and not isinstance(value, bool):
                return name, field.title or name
    return None


def by_strength(base: Experiment, values: Sequence[float]) -> Axis:
    """An axis over the strength of the base's first defense."""
    name, title = strength(base) or ("", "")
    whole = isinstance(getattr(base.defenses[0], name), int)
    return Axis(
        name=title.lower(), path=f"defenses.0.{name}", values=tuple(int(v) if whole and v == int(v) else v for v in values)
    )  # fmt: skip


def strengths(base: Experiment) -> list[float]:
    """What a form begins with: a tenth of the strength, and the strength."""
    now = getattr(base.defenses[0], (strength(base) or ("",))[0])
    return [now] if isinstance(now, int) else [now / 10, now]


def plain(name: str, path: str) -> Callable[[Experiment, Sequence[Any]], Axis]:
    """An axis whose values are set at a path as they are."""
    return lambda base, values: Axis(name=name, path=path, values=tuple(values))


def measure(kind: str, name: str) -> Callable[[Experiment, Sequence[int]], Axis]:
    """An axis over a measure of the round: what each strength changes of the base."""

    def axis(base: Experiment, values: Sequence[int]) -> Axis:
        changes = tuple(differences(base, MEASURES[kind].apply(base, value)) for value in values)
        return Axis(name=name, values=changes, labels=tuple(map(str, values)))

    return axis


def differences(base: Experiment, other: Experiment) -> dict[str, Any]:
    """Dotted path -> value, where `other` differs from `base`. Where nothing does, a path that changes nothing: no value is empty."""
    before, after = base.model_dump(mode="json"), other.model_dump(mode="json")
    found: dict[str, Any] = {}
    for name, value in after.items():
        if value == before[name]:
            continue
        same = (
            isinstance(value, dict) and isinstance(before[name], dict) and value.get("kind") == before[name].get("kind")
        )
        if same:
            found |= {f"{name}.{k}": v for k, v in value.items() if v != before[name][k]}
        elif isinstance(value, dict):
            found[name] = getattr(other, name).name
        else:
            found[name] = value
    return found or {"schema_version": after["schema_version"]}


def epochs(base: Experiment, values: Sequence[int]) -> Axis:
    """An axis over epochs of training before the attack; 0 is a fresh network."""
    own = (
        base.weights.model_dump(mode="json", exclude_none=True)
        if isinstance(base.weights, Trained)
        else {"kind": "trained"}
    )
    weights = tuple({**own, "epochs": n} if n else {"kind": "fresh"} for n in values)
    return Axis(name="epochs of training", path="weights", values=weights, labels=tuple(map(str, values)))
