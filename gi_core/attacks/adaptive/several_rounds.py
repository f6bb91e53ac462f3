"""Rounds of the same pictures before the one at hand, made ready for an attack as that one is (`attacks.make`)."""

from __future__ import annotations

from dataclasses import replace

from gi_core.attacks.adaptive.knowledge import given
from gi_core.attacks.adaptive.past_dropout import past_dropout
from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.settings.attacks import AttackSettings
from gi_core.settings.client_checks import last_of
from gi_core.types.updates import Earlier, Knowledge


def prepared(settings: AttackSettings, knowledge: Knowledge) -> tuple[Knowledge, tuple[str, ...]]:
    """(knowledge with each earlier round as the gradient it is, notices); without them for an attack that takes one update.

    Raises Refused where one of them is no single step on all pictures.
    """
    count = len(knowledge.earlier) + 1
    if count == 1:
        return knowledge, ()
    if not settings.stacks:
        return knowledge.alone(), (last_of(settings.title, count),)
    said = f"{count} updates of the same pictures are matched together"
    return replace(knowledge, earlier=tuple(_gradient(settings, one) for one in knowledge.earlier)), (said,)


def _gradient(settings: AttackSettings, one: Earlier) -> Earlier:
    update, knowledge = unscaled(one.update, given(settings, one.knowledge))
    if not one_step(knowledge.schedule):
        raise Refused("rounds are taken together where each is one step on all pictures, and one of these has several")
    knowledge, _ = past_dropout(update, knowledge)
    return Earlier(as_mean_gradient(update, knowledge.schedule, knowledge.model), knowledge)
