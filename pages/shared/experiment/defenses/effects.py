"""What the defenses did to the update, as the worker's preview measured it: norms, direction, zeros."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from gi_core.settings import Experiment
from gi_core.types.result_parts import Change, Effect
from pages.shared.experiment import launch
from pages.shared.words import escape

_LAST, _SEEN = "defenses.effects", "defenses.seen"


@dataclass(frozen=True)
class Measured:
    """effects: of each defense, in order. sent: of all together. stale: those of a question before this one."""

    effects: list[Effect] = field(default_factory=list)
    sent: Change | None = None
    stale: bool = False


NOTHING = Measured()


def measured(experiment: Experiment) -> Measured:
    """What was measured of this experiment; until the worker has answered, the last measurements, greyed."""
    answer = launch.answer(experiment)
    if answer is None:
        return st.session_state.get(_LAST, NOTHING)
    found = Measured(answer["effects"], answer["sent"])
    st.session_state[_LAST] = Measured(found.effects, found.sent, True)
    st.session_state[_SEEN] = experiment.key()
    return found


def behind(experiment: Experiment) -> bool:
    """Whether the rows were drawn before the worker's answer came, which may be in the same moment."""
    awaited = experiment.defenses and st.session_state.get(_SEEN) != experiment.key()
    return bool(awaited) and launch.answer(experiment) is not None


def line(found: Measured, experiment: Experiment, index: int) -> str:
    """One line of HTML for the defense at this place; empty where nothing was measured of it."""
    kinds = [defense.kind for defense in experiment.defenses]
    same = [effect for effect in found.effects if effect["kind"] == kinds[index]]
    place = kinds[:index].count(kinds[index])
    if place >= len(same):
        return ""
    effect = same[place]
    return f'<p class="gi-effect{" gi-stale" * found.stale}">{_figures(effect)}</p>'


def altogether(found: Measured) -> None:
    """What all of them did together; of use where there is more than one."""
    if found.sent is None or len(found.effects) < 2:
        return
    st.html(
        f'<p class="gi-effect gi-sum{" gi-stale" * found.stale}" role="status"><b>Together</b> {_figures(found.sent)}</p>'
    )


def _figures(effect: Change) -> str:
    parts = [f"norm {effect['norm_before']:.3g} → {effect['norm_after']:.3g}"]
    if effect["cosine"] is not None:
        parts.append(f"cosine {effect['cosine']:.3f}")
    if effect["zeros"]:
        parts.append(f"{100 * effect['zeros']:.0f} % zeros")
    return escape(" · ".join(parts))
