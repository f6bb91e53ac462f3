"""Measures of the round: what a federation arranges so that an update shows less, without changing the update itself.

Each is a change of the Experiment with one strength, a whole number; the least strength is no measure. No torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gi_core.common.errors import SpecError
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.client import FedAvg
from gi_core.settings.defense_base import HEURISTIC
from gi_core.settings.experiment import Experiment

MOST_STEPS, MOST_PICTURES = 50, 64
ONE_LABEL = ("idlg", "observed_delta")


@dataclass(frozen=True)
class Strength:
    """name: one word. low, high: bounds, low standing for no measure. default: where a form begins."""

    name: str
    title: str
    help: str
    low: int
    high: int
    default: int


@dataclass(frozen=True)
class Measure:
    """title, description, guarantee: as of a defense. strength_of: what an experiment has, None where it has none."""

    kind: str
    title: str
    description: str
    guarantee: str
    strength: Strength
    _apply: Callable[[Experiment, int], Experiment]
    _find: Callable[[Experiment], int | None]

    def apply(self, experiment: Experiment, strength: int | None = None) -> Experiment:
        """The experiment with this measure, at its default strength if none is given. Raises SpecError.

        Where more pictures come in, a label strategy that reads one label becomes `auto`.
        """
        strength = self.strength.default if strength is None else strength
        low, high = self.strength.low, self.strength.high
        if not low <= strength <= high:
            raise SpecError(f"{self.title.lower()}: {self.strength.name} is from {low} to {high}, not {strength}")
        if experiment.recorded is not None:
            raise SpecError(
                f"{self.title.lower()} cannot be arranged for a round that was recorded: give samples instead"
            )
        return self._apply(experiment, strength)

    def strength_of(self, experiment: Experiment) -> int | None:
        """The strength that the experiment has of it already; None where it is not in place."""
        found = None if experiment.recorded is not None else self._find(experiment)
        return None if found is None or found <= self.strength.low else found


def _with_pictures(e: Experiment, count: int) -> Experiment:
    from gi_core.data.neighbours import more

    if e.labels is not None and count > len(e.labels):
        raise SpecError("labels are given for each picture: leave them to the data before more pictures come in")
    changes: dict[str, object] = {"samples": more(e.samples, count), "labels": e.labels[:count] if e.labels else None}
    if count > 1 and e.attack.labels in ONE_LABEL:
        changes["attack"] = e.attack.model_copy(update={"labels": "auto"})
    return e.model_copy(update=changes)


def _fedavg(e: Experiment, **changes: int | None) -> Experiment:
    """The experiment with a client that shares a weight change, and keeps what it had set otherwise."""
    own = e.client.model_dump(exclude={"kind"})
    return e.model_copy(update={"client": FedAvg(**{**own, **changes})})


def _larger_batch(e: Experiment, strength: int) -> Experiment:
    e = _with_pictures(e, strength)
    return _fedavg(e, batch_size=None) if isinstance(e.client, FedAvg) else e


def _batch(e: Experiment) -> int | None:
    each = -(-e.pictures // e.client.clients)
    return min(e.client.batch_size or each, each)


def _local_steps(e: Experiment, strength: int) -> Experiment:
    if strength == 1 and not isinstance(e.client, FedAvg):
        return e
    each = -(-e.pictures // e.client.clients)
    size = min(e.client.batch_size or each, each)
    epoch = -(-each // size)
    return _fedavg(e, epochs=-(-strength // epoch), steps=strength if strength % epoch else None)


def _steps(e: Experiment) -> int | None:
    client = e.client
    if not isinstance(client, FedAvg):
        return None
    each = -(-e.pictures // client.clients)
    steps = client.epochs * -(-each // min(client.batch_size or each, each))
    return min(steps, client.steps or steps)


def _secure_aggregation(e: Experiment, strength: int) -> Experiment:
    if strength == 1 and not isinstance(e.client, FedAvg):
        return e
    each = max(1, e.pictures // e.client.clients)
    if strength * each > MAX_BATCH:
        raise SpecError(
            f"{strength} clients of {each} pictures are more than the {MAX_BATCH} of a round: choose fewer clients or pictures"
        )
    return _fedavg(_with_pictures(e, strength * each), clients=strength)


def _withheld(e: Experiment, strength: int) -> Experiment:
    if e.client.batch_norm != "train" or not e.model.has_batch_norm:
        raise SpecError("there are no batch norm statistics to withhold: they move in train mode only")
    return e.model_copy(
        update={"client": e.client.model_copy(update={"statistics": "withheld" if strength else "shared"})}
    )


def _is_withheld(e: Experiment) -> int | None:
    moving = e.client.batch_norm == "train" and e.model.has_batch_norm
    return int(e.client.statistics == "withheld") if moving else None


_ALL = (
    Measure(
        "larger_batch", "Larger batch", "The client takes more pictures of the same source into one step.",
        f"{HEURISTIC}: pictures share one update, and some may still show",
        Strength("pictures", "Pictures", "Pictures of the client in one step.", 1, MOST_PICTURES, 8), _larger_batch, _batch,
    ),
    Measure(
        "local_steps", "More local steps", "The client trains for several steps and sends only how its weights changed.",
        f"{HEURISTIC}: a server that knows the schedule can play the steps itself",
        Strength("steps", "Local steps", "Steps of the client in its round.", 1, MOST_STEPS, 5), _local_steps, _steps,
    ),
    Measure(
        "secure_aggregation", "Secure aggregation", "Clients add up their changes by cryptography, so that the server sees"
        " nothing but the mean.",
        "the server learns nothing but the sum, if the protocol holds and enough other clients are honest; the sum"
        " itself may show pictures",
        Strength("clients", "Clients added up", "Clients whose changes are added.", 1, MOST_PICTURES, 8),
        _secure_aggregation, lambda e: e.client.clients if isinstance(e.client, FedAvg) else None,
    ),
    Measure(
        "withheld_statistics", "Withheld statistics", "The client does not send the running statistics of batch norm.",
        f"{HEURISTIC}: in train mode they are what shows pictures of deep networks most",
        Strength("withheld", "Withheld", "Whether they stay with the client.", 0, 1, 1), _withheld, _is_withheld,
    ),
)  # fmt: skip

MEASURES: dict[str, Measure] = {measure.kind: measure for measure in _ALL}
