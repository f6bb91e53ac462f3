"""Dropout before the last dense layer, as an attack plays it: with the mask that the update shows, or without any.

A feature that was dropped has a column of zeros in the last layer's gradient of one picture: the mask is known, and the
attack plays the client's very network. The masks of several pictures or steps add up and do not show. Then the network
without dropout stands in: its features are the mean of the client's over the masks.
"""

from __future__ import annotations

from dataclasses import replace

from gi_core.attacks.base import Attack, State, Step
from gi_core.attacks.labels.client_reading import kept_features
from gi_core.clients.dropping import masked
from gi_core.types.updates import Knowledge, Update


def past_dropout(update: Update, knowledge: Knowledge) -> tuple[Knowledge, tuple[str, ...]]:
    """(knowledge with the network as the client's was, as far as the update shows it; notices)."""
    if not knowledge.dropout:
        return knowledge, ()
    kept = kept_features(update, knowledge)
    if kept is None:
        return knowledge, (
            f"the client dropped {knowledge.dropout:.0%} of its features, and the update does not show which: the network"
            " without dropout is matched, so a residual is left even at the true picture",
        )
    share = 1 - float(kept.mean())
    model = masked(knowledge.model, kept, knowledge.dropout)
    return replace(knowledge, model=model), (f"dropped features are read from the update: {share:.0%} of them",)


def with_notices(machine: Attack, notices: tuple[str, ...]) -> None:
    """Put the notices before the events of the machine's first step."""
    if not notices:
        return
    inner = machine.step

    def step(state: State) -> tuple[State, Step]:
        first = state["iteration"] == 0
        state, found = inner(state)
        return state, (replace(found, events=(*notices, *found.events)) if first else found)

    machine.step = step  # type: ignore[method-assign]
