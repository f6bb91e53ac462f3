"""What a form can vary: for each field, the values that may be chosen or typed, and the axis that they make. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.data import catalogue
from gi_core.spec import ATTACKS, DEFENSES, MODELS, Component, Experiment, SpecError
from gi_core.spec.base import is_basic
from gi_core.spec.client import FedAvg
from gi_core.spec.measures import MEASURES
from gi_core.spec.sweep import MOST_MEMBERS, Axis

NONE = "none"
_RANGE = re.compile(r"(\d+)\s*(?:-|–|to)\s*(\d+)")
_WIDTHS, _DEPTHS = ("width", "hidden"), ("depth", "layers")


@dataclass(frozen=True)
class Field:
    """title: on the form. first: what it begins with. choices: value -> what a person reads, or None where values are

    typed. whole: typed values are whole numbers. axis: (base, values) -> Axis.
    """

    title: str
    help: str
    first: Callable[[Experiment], Sequence[Any]]
    axis: Callable[[Experiment, Sequence[Any]], Axis]
    choices: Callable[[Experiment], dict[Any, str]] | None = None
    whole: bool = True
    fits: Callable[[Experiment], bool] = lambda base: True


def offered(base: Experiment) -> dict[str, Field]:
    """The fields that this experiment has, by key."""
    return {key: field for key, field in FIELDS.items() if field.fits(base)}


def typed(text: str, whole: bool = True) -> list[int | float]:
    """1, 2, 4 or 1-5, apart by commas or spaces. Raises SpecError."""
    found: list[int | float] = []
    spaced = _RANGE.sub(lambda m: f"{m[1]}-{m[2]}", text)
    for part in re.split(r"[,;\s]+", spaced.strip()):
        if not part:
            continue
        ends = _RANGE.fullmatch(part)
        if ends and whole:
            low, high = int(ends[1]), int(ends[2])
            if high - low >= MOST_MEMBERS:
                raise SpecError(f"{part} stands for {high - low + 1} values; {MOST_MEMBERS} are allowed")
            found += range(low, high + 1)
            continue
        try:
            found.append(int(part) if whole else float(part))
        except ValueError:
            kind = "whole numbers, such as 1, 2, 4 or 1-5" if whole else "numbers, such as 0.001, 0.01"
            raise SpecError(f"{part[:40]!r} is no value: write {kind}") from None
    if not found:
        raise SpecError("give one value at least")
    return found


def _part(base: Component, kind: str) -> str:
    """As the base has it where it is of that kind, else with its defaults."""
    return base.name if base.kind == kind else kind  # type: ignore[attr-defined]


def _components(family: str, known: dict[str, type[Component]]) -> Callable[[Experiment, Sequence[str]], Axis]:
    def axis(base: Experiment, kinds: Sequence[str]) -> Axis:
        values = tuple(_part(getattr(base, family), kind) for kind in kinds)
        return Axis(name=family, path=family, values=values, labels=tuple(known[kind].title for kind in kinds))

    return axis


def _defenses(base: Experiment, kinds: Sequence[str]) -> Axis:
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


def _strength(base: Experiment, values: Sequence[float]) -> Axis:
    name, title = strength(base) or ("", "")
    whole = isinstance(getattr(base.defenses[0], name), int)
    return Axis(
        name=title.lower(), path=f"defenses.0.{name}", values=tuple(int(v) if whole and v == int(v) else v for v in values)
    )  # fmt: skip


def _strengths(base: Experiment) -> list[float]:
    now = getattr(base.defenses[0], (strength(base) or ("",))[0])
    return [now] if isinstance(now, int) else [now / 10, now]


def _plain(name: str, path: str) -> Callable[[Experiment, Sequence[Any]], Axis]:
    return lambda base, values: Axis(name=name, path=path, values=tuple(values))


def _measure(kind: str, name: str) -> Callable[[Experiment, Sequence[int]], Axis]:
    """What the measure changes of the base, value by value."""

    def axis(base: Experiment, values: Sequence[int]) -> Axis:
        changes = tuple(_differences(base, MEASURES[kind].apply(base, value)) for value in values)
        return Axis(name=name, values=changes, labels=tuple(map(str, values)))

    return axis


def _differences(base: Experiment, other: Experiment) -> dict[str, Any]:
    """Paths whose values differ, as an axis sets them; where none does, one that decides nothing, since an axis's value is not empty."""
    before, after, found = base.model_dump(mode="json"), other.model_dump(mode="json"), {}
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


def _model_field(names: tuple[str, ...], title: str) -> Field:
    def own(base: Experiment) -> str:
        return next((n for n in names if n in type(base.model).model_fields), "")

    return Field(
        title, f"{title} of the base's network.", lambda e: [getattr(e.model, own(e))],
        lambda e, values: Axis(name=title.lower(), path=f"model.{own(e)}", values=tuple(values)),
        fits=lambda e: e.model.kind != "custom" and isinstance(getattr(e.model, own(e), None) if own(e) else None, int),
    )  # fmt: skip


def _epochs(base: Experiment, values: Sequence[int]) -> Axis:
    own = (
        base.weights.model_dump(mode="json", exclude_none=True)
        if base.weights.kind == "trained"
        else {"kind": "trained"}
    )
    weights = tuple({**own, "epochs": n} if n else {"kind": "fresh"} for n in values)
    return Axis(name="epochs of training", path="weights", values=weights, labels=tuple(map(str, values)))


def _pictures(base: Experiment) -> dict[str, str]:
    return {ref: "" for ref in base.samples[:1]} | {i.ref: i.title for i in catalogue() if i.available}


def _not_recorded(base: Experiment) -> bool:
    return base.recorded is None


FIELDS: dict[str, Field] = {
    "attack": Field(
        "Attack", "Each with the base's settings where it is the base's, else its defaults.", lambda e: [e.attack.kind],
        _components("attack", ATTACKS), lambda e: {k: c.title for k, c in ATTACKS.items()},
    ),
    "adaptive": Field(
        "Attacker knows the defenses", "Both: the update taken for plain, and with the defenses known.", lambda e: [False, True],
        lambda e, values: Axis(
            name="attacker", path="attack.adaptive", values=tuple(values),
            labels=tuple("knows the defenses" if v else "takes the update for plain" for v in values),
        ),
        lambda e: {False: "No", True: "Yes"},
    ),
    "defense": Field(
        "Defense", "One at a time, each at the base's strength where it has it, else its default.",
        lambda e: [NONE, *(d.kind for d in e.defenses[:1])], _defenses,
        lambda e: {NONE: "None", **{k: c.title for k, c in DEFENSES.items()}},
    ),
    "strength": Field(
        "Strength of the defense", "Of the base's first defense.", _strengths, _strength, whole=False,
        fits=lambda e: strength(e) is not None,
    ),
    "sample": Field(
        "Picture", "One at a time.", lambda e: list(e.samples[:1]),
        lambda e, refs: Axis(name="picture", path="samples", values=tuple([ref] for ref in refs), labels=tuple(refs)),
        _pictures, fits=_not_recorded,
    ),
    "batch": Field(
        "Batch size", "Pictures in one step: the base's own first, then others of the same source.", lambda e: [1, 2, 4],
        _measure("larger_batch", "batch size"), fits=_not_recorded,
    ),
    "steps": Field(
        "Local steps", "The client trains this long and sends how its weights changed.", lambda e: [1, 5],
        _measure("local_steps", "local steps"), fits=_not_recorded,
    ),
    "clients": Field(
        "Clients added up", "Secure aggregation over so many clients.", lambda e: [1, 2, 4],
        _measure("secure_aggregation", "clients added up"), fits=_not_recorded,
    ),
    "rate": Field(
        "Client's step size", "Learning rate of the client.", lambda e: [e.client.learning_rate],  # type: ignore[union-attr]
        _plain("client's step size", "client.learning_rate"), whole=False, fits=lambda e: isinstance(e.client, FedAvg),
    ),
    "model": Field(
        "Network", "Each with the base's settings where it is the base's, else its defaults.", lambda e: [e.model.kind],
        _components("model", MODELS), lambda e: {k: c.title for k, c in MODELS.items() if k != "custom"},
        fits=lambda e: _not_recorded(e) and e.model.kind != "custom",
    ),
    "width": _model_field(_WIDTHS, "Width"),
    "depth": _model_field(_DEPTHS, "Depth"),
    "epochs": Field(
        "Epochs of training", "Before the attack; 0 is a fresh network.", lambda e: [0, 1, 5], _epochs, fits=_not_recorded,
    ),
    "seed": Field("Seed", "Of the attack's starts and of the defenses' noise.", lambda e: [0, 1, 2], _plain("seed", "seed")),
    "weights": Field(
        "Seed of the weights", "Another initialisation of the network.", lambda e: [0, 1, 2],
        _plain("seed of the weights", "model.seed"), fits=_not_recorded,
    ),
}  # fmt: skip
