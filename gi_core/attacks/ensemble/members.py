"""Which attacks are tried, in which order, and why: closed forms by the registry, then the searches that fit.

No condition of a closed form is written here: its machine is asked, and says why it refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.attacks.client_round.local_steps import one_step
from gi_core.attacks.ensemble.reading import Reading
from gi_core.settings.attacks import AttackSettings, Auto, ClosedForm, InvertingGradients, LevenbergMarquardt
from gi_core.settings.ensemble_attacks import SECOND_ORDER
from gi_core.settings.fl_attacks import FlGradientInversion
from gi_core.settings.matching_attacks import Idlg
from gi_core.settings.registry import ATTACKS
from gi_core.types.updates import Knowledge, Update

DEEP = 8
"""Convolutions from which a network with batch norm is searched by an untrained decoder: as pixels nothing comes back."""
HALF = 0.5
"""Share of what is left of the budget, where another member comes after."""
QUASI_NEWTON = 30.0
"""Gradients of a step of L-BFGS, of at most 20 inner iterations with their line searches."""
SMOOTH = "on a smooth network a quasi-Newton search goes through the local steps"
DECODER = "deep batch norm hides pixels, so the weights of an untrained decoder are searched"
SMALL_STEPS = "the pictures of a batch part best under small steps"
STATISTICS = "batch norm takes the client's own statistics, which guide a search where they are shared"
ANY_NETWORK = "a search of first order works on any network"

Phase = Literal["closed form", "second order", "matching"]


@dataclass(frozen=True)
class Member:
    """settings: of one attack, in the order in which label strategies are tried. why: it is tried. share: of what is left of the
    budget, 0 where it takes none; each: gradients that a step of it takes, where it does not count them itself. left_out: why it is not tried, "" where it is.
    """

    kind: str
    phase: Phase
    settings: tuple[AttackSettings, ...]
    why: str
    share: float = 0.0
    left_out: str = ""
    each: float = 1.0


def members(o: Auto, update: Update, knowledge: Knowledge, reading: Reading) -> list[Member]:
    """All there are, in their order."""
    return [*_closed(o), _second_order(o, update, knowledge, reading), *_matching(o, update, knowledge, reading)]


def _closed(o: Auto) -> Iterator[Member]:
    """Every closed form of the registry; those that end with a search of their own come last."""
    found = [cls for cls in ATTACKS.values() if issubclass(cls, ClosedForm)]
    for cls in sorted(found, key=lambda cls: cls().refines):
        kind = str(cls.model_fields["kind"].default)
        labels = o.labels if o.labels in _choices(cls) else cls.model_fields["labels"].default
        yield Member(kind, "closed form", (_made(cls, o, labels=labels),), "its equations fit this network and update")


def _second_order(o: Auto, update: Update, knowledge: Knowledge, reading: Reading) -> Member:
    values = update.images * math.prod(knowledge.input_shape)
    strategies = ("known",) if o.labels == "known" else ("observed_delta", "auto")
    settings = tuple(
        _made(LevenbergMarquardt, o, labels=labels) for labels in strategies if labels != "observed_delta" or update.images == 1
    )  # fmt: skip
    left_out = f"{values:,} values of pixels are too many for it" if values > SECOND_ORDER else ""
    why = "a second-order search finds what few unknowns leave open"
    return Member("levenberg_marquardt", "second order", settings, why, HALF, left_out)


def _matching(o: Auto, update: Update, knowledge: Knowledge, reading: Reading) -> Iterator[Member]:
    """Searches with the settings that fit the network: quasi-Newton where it is smooth and the round has several steps. A batch is searched with small steps first: its pictures must
    find apart before they are sharpened.
    """
    if not (reading.kinked or one_step(knowledge.schedule)):
        yield _search(o, update, Idlg, SMOOTH, HALF, each=QUASI_NEWTON)
    norms = any(isinstance(m, _BatchNorm) for m in knowledge.model.modules())
    deep = sum(isinstance(m, nn.Conv2d) for m in knowledge.model.modules()) >= DEEP
    if norms and deep and knowledge.batch_norm == "train":
        decoder = FlGradientInversion.presets["deep_network"]
        yield _search(o, update, FlGradientInversion, DECODER, 1.0, decoder)
        return
    if update.images > 1:
        yield _search(o, update, FlGradientInversion, SMALL_STEPS, HALF)
    if norms and knowledge.batch_norm == "train":
        yield _search(o, update, FlGradientInversion, STATISTICS, 1.0)
    else:
        yield _search(o, update, InvertingGradients, ANY_NETWORK, 1.0)


def _search(
    o: Auto,
    update: Update,
    cls: type[AttackSettings],
    why: str,
    share: float,
    preset: dict[str, Any] | None = None,
    each: float = 1.0,
) -> Member:
    labels = (
        ["known"] if o.labels == "known" else ["auto", *(["observed_delta"] if update.images == 1 else []), "joint"]
    )
    settings = tuple(_made(cls, o, **{**(preset or {}), "labels": one}) for one in labels)
    return Member(str(cls.model_fields["kind"].default), "matching", settings, why, share, each=each)


def _made(cls: type[AttackSettings], o: Auto, **values: Any) -> AttackSettings:
    given = {"prior": o.prior} if o.prior is not None and "prior" in cls.model_fields else {}
    return cls(**{**values, **given, "adaptive": o.adaptive})


def _choices(cls: type[AttackSettings]) -> tuple[str, ...]:
    return get_args(cls.model_fields["labels"].annotation)
