"""Dropout before the last dense layer, as a server sees it: the mask read off, or the mean network in its place.

In one gradient of one picture a dropped feature has a column of zeros, so the mask is known and played exactly. Of
several pictures or steps the masks add up, and the expectation over masks is played to first order: the network as it
is without dropout, whose features are the mean of what the client's were.
"""

from __future__ import annotations

from dataclasses import replace

from gi_core.attacks.base import Attack, State, Step
from gi_core.attacks.labels.client_reading import kept_features
from gi_core.client.dropping import masked
from gi_core.types.updates import Knowledge, Update


def past_dropout(update: Update, knowledge: Knowledge) -> tuple[Knowledge, tuple[str, ...]]:
    """(knowledge with the network as the client's was, as far as that is known; notices)."""
    if not knowledge.dropout:
        return knowledge, ()
    kept = kept_features(update, knowledge)
    if kept is None:
        return knowledge, (
            f"the client dropped {knowledge.dropout:.0%} of its features, and which is not known: the network without"
            " dropout is matched, so a residual is left even at the true picture",
        )
    share = 1 - float(kept.mean())
    model = masked(knowledge.model, kept, knowledge.dropout)
    return replace(knowledge, model=model), (f"dropped features are read from the update: {share:.0%} of them",)


def saying(machine: Attack, events: tuple[str, ...]) -> None:
    """Let the first step tell these sentences too."""
    if not events:
        return
    inner = machine.step

    def step(state: State) -> tuple[State, Step]:
        first = state["iteration"] == 0
        state, found = inner(state)
        return state, (replace(found, events=(*events, *found.events)) if first else found)

    machine.step = step  # type: ignore[method-assign]
