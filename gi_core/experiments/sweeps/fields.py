"""What a form can vary: for each field, the values that may be chosen or typed, and the axis that they make. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.data import catalogue
from gi_core.experiments.sweeps import axes
from gi_core.settings import ATTACKS, DEFENSES, MODELS, SERVERS, Experiment
from gi_core.settings.client import FedAvg
from gi_core.settings.controls import CONTROLS, OWN
from gi_core.settings.sweep import Axis

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


def _model_field(names: tuple[str, ...], title: str) -> Field:
    def own(base: Experiment) -> str:
        return next((n for n in names if n in type(base.model).model_fields), "")

    return Field(
        title, f"{title} of the base's network.", lambda e: [getattr(e.model, own(e))],
        lambda e, values: Axis(name=title.lower(), path=f"model.{own(e)}", values=tuple(values)),
        fits=lambda e: e.model.kind != "custom" and isinstance(getattr(e.model, own(e), None) if own(e) else None, int),
    )  # fmt: skip


def _pictures(base: Experiment) -> dict[str, str]:
    return {ref: "" for ref in base.samples[:1]} | {i.ref: i.title for i in catalogue() if i.available}


def _not_recorded(base: Experiment) -> bool:
    return base.recorded is None


FIELDS: dict[str, Field] = {
    "attack": Field(
        "Attack", "Each with the base's settings where it is the base's, else its defaults.", lambda e: [e.attack.kind],
        axes.components("attack", ATTACKS), lambda e: {k: c.title for k, c in ATTACKS.items()},
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
        lambda e: [axes.NONE, *(d.kind for d in e.defenses[:1])], axes.defenses,
        lambda e: {axes.NONE: "None", **{k: c.title for k, c in DEFENSES.items()}},
    ),
    "strength": Field(
        "Strength of the defense", "Of the base's first defense.", axes.strengths, axes.by_strength, whole=False,
        fits=lambda e: axes.strength(e) is not None,
    ),
    "control": Field(
        "Standing controls", "What the attack gets of noise, of another client's update, and of its prior alone.",
        lambda e: ["none", *CONTROLS],
        lambda e, values: Axis(
            name="update", path="control", values=tuple(values),
            labels=tuple(CONTROLS[v][0] if v in CONTROLS else OWN for v in values),
        ),
        lambda e: {"none": OWN, **{k: title for k, (title, _) in CONTROLS.items()}},
    ),
    "server": Field(
        "Server", "What it sends to the clients: the network as it is, or one that it changed.", lambda e: list(SERVERS),
        axes.components("server", SERVERS), lambda e: {k: c.title for k, c in SERVERS.items()}, fits=_not_recorded,
    ),
    "sample": Field(
        "Picture", "One at a time.", lambda e: list(e.samples[:1]),
        lambda e, refs: Axis(name="picture", path="samples", values=tuple([ref] for ref in refs), labels=tuple(refs)),
        _pictures, fits=_not_recorded,
    ),
    "batch": Field(
        "Batch size", "Pictures in one step: the base's own first, then others of the same source.", lambda e: [1, 2, 4],
        axes.measure("larger_batch", "batch size"), fits=_not_recorded,
    ),
    "steps": Field(
        "Local steps", "The client trains this long and sends how its weights changed.", lambda e: [1, 5],
        axes.measure("local_steps", "local steps"), fits=_not_recorded,
    ),
    "clients": Field(
        "Clients added up", "Secure aggregation over so many clients.", lambda e: [1, 2, 4],
        axes.measure("secure_aggregation", "clients added up"), fits=_not_recorded,
    ),
    "rate": Field(
        "Client's step size", "Learning rate of the client.", lambda e: [e.client.learning_rate],  # type: ignore[union-attr]
        axes.plain("client's step size", "client.learning_rate"), whole=False, fits=lambda e: isinstance(e.client, FedAvg),
    ),
    "model": Field(
        "Network", "Each with the base's settings where it is the base's, else its defaults.", lambda e: [e.model.kind],
        axes.components("model", MODELS), lambda e: {k: c.title for k, c in MODELS.items() if k != "custom"},
        fits=lambda e: _not_recorded(e) and e.model.kind != "custom",
    ),
    "width": _model_field(_WIDTHS, "Width"),
    "depth": _model_field(_DEPTHS, "Depth"),
    "epochs": Field(
        "Epochs of training", "Before the attack; 0 is a fresh network.", lambda e: [0, 1, 5], axes.epochs, fits=_not_recorded,
    ),
    "seed": Field("Seed", "Of the attack's starts and of the defenses' noise.", lambda e: [0, 1, 2], axes.plain("seed", "seed")),
    "weights": Field(
        "Seed of the weights", "Another initialisation of the network.", lambda e: [0, 1, 2],
        axes.plain("seed of the weights", "model.seed"), fits=_not_recorded,
    ),
}  # fmt: skip
