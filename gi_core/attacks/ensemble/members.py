"""Which attacks are tried, in which order, and why: closed forms by the registry, then the searches that fit.

No condition of a closed form is written here: its machine is asked, and says why it refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
FEW_UNKNOWNS = "a second-order search finds what few unknowns leave open"
SMOOTH = "on a smooth network a quasi-Newton search goes through the local steps"
SHARPENS = "second-order steps sharpen what is near"
DECODER = "deep batch norm hides pixels, so the weights of an untrained decoder are searched"
STATISTICS = "batch norm takes the client's own statistics, which guide a search where they are shared"
SMALL_STEPS = "one picture on any network is searched with small steps of first order"
LARGE_STEPS = "the pictures of a batch part under large steps of first order"
CLEARED = "it would take the zeros of the update for values, and they were not sent"

Phase = Literal["closed form", "second order", "matching"]


@dataclass(frozen=True)
class Member:
    """settings: of one attack, in the order in which label strategies are tried. why: it is tried. share: of what is left of the
    budget, 0 where it takes none; each: gradients that a step of it takes, where it does not count them itself. left_out: why it is not tried, "" where it is.
    sharpens: whether it is tried from an answer that is near alone.
    """

    kind: str
    phase: Phase
    settings: tuple[AttackSettings, ...]
    why: str
    share: float = 0.0
    left_out: str = ""
    each: float = 1.0
    sharpens: bool = False


def members(o: Auto, update: Update, knowledge: Knowledge, reading: Reading) -> list[Member]:
    """All there are, in their order."""
    return [*_closed(o), *_second_order(o, update, knowledge, reading), *_matching(o, update, knowledge)]


def _closed(o: Auto) -> Iterator[Member]:
    """Every closed form of the registry; those that end with a search of their own come last."""
    found = [cls for cls in ATTACKS.values() if issubclass(cls, ClosedForm)]
    for cls in sorted(found, key=lambda cls: cls().refines):
        kind = str(cls.model_fields["kind"].default)
        labels = o.labels if o.labels in _choices(cls) else cls.model_fields["labels"].default
        yield Member(kind, "closed form", (_made(cls, o, labels=labels),), "its equations fit this network and update")


def _second_order(o: Auto, update: Update, knowledge: Knowledge, reading: Reading) -> Iterator[Member]:
    """Levenberg-Marquardt, and through local steps quasi-Newton: from any start where the unknowns are few and the network is smooth, else from
    what a closed form has found near. Half of a budget that ends short of an answer is dear: a search of first order with half
    its steps gets much less than half as far (measured), so nobody else takes a share.
    """
    values, alone = update.images * math.prod(knowledge.input_shape), update.images == 1
    strategies = ("known",) if o.labels == "known" else ("observed_delta", "auto") if alone else ("auto",)
    settings = tuple(_made(LevenbergMarquardt, o, labels=labels) for labels in strategies)
    left_out = f"{values:,} values of pixels are too many for it" if values > SECOND_ORDER else ""
    if reading.cleared and not o.adaptive:
        left_out = left_out or CLEARED
    sharpens = reading.kinked or not alone
    why = SHARPENS if sharpens else FEW_UNKNOWNS
    yield Member("levenberg_marquardt", "second order", settings, why, HALF, left_out, sharpens=sharpens)
    if not (reading.kinked or one_step(knowledge.schedule)):
        yield replace(_search(o, update, Idlg, SMOOTH, HALF, each=QUASI_NEWTON), sharpens=True)


def _matching(o: Auto, update: Update, knowledge: Knowledge) -> Iterator[Member]:
    """One search of first order with all that is left, with the settings that fit the network and the batch."""
    norms = any(isinstance(m, _BatchNorm) for m in knowledge.model.modules())
    deep = sum(isinstance(m, nn.Conv2d) for m in knowledge.model.modules()) >= DEEP
    if norms and deep and knowledge.batch_norm == "train":
        decoder = FlGradientInversion.presets["deep_network"]
        yield _search(o, update, FlGradientInversion, DECODER, 1.0, decoder)
    elif norms and knowledge.batch_norm == "train":
        yield _search(o, update, FlGradientInversion, STATISTICS, 1.0)
    elif update.images == 1:
        yield _search(o, update, FlGradientInversion, SMALL_STEPS, 1.0)
    else:
        yield _search(o, update, InvertingGradients, LARGE_STEPS, 1.0)


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
