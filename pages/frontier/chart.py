"""The frontier as a chart whose points can be clicked, and the key to its signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from gi_core.analysis.frontier import Control, Point
from gi_core.figures import drawing
from pages.frontier import chosen
from pages.shared import words
from pages.shared.result import charts

_SAYS = (
    "Filled: the attacker knows the defense",
    "Hollow: it does not",
    "Bars: 95 % interval of the median over pictures; of accuracy, one standard deviation over trainings",
)


def draw(found: Sequence[Point], both: bool, caption: str, controls: Sequence[Control]) -> None:
    """A click on a point looks at its setting. found: complete points of the attackers shown. controls: lines beside them."""
    names = {p.name for p in found if p.runs}

    def pick(name: str) -> None:
        if name in names:
            st.session_state[chosen.SETTING] = name

    looked_at = str(st.session_state.get(chosen.SETTING) or "")
    charts.draw(drawing("frontier", found, both, looked_at, controls=controls).under(caption), "frontier_chart", pick)


def legend(best: Mapping[str, str]) -> str:
    """HTML: what filled, hollow and bars mean; the ringed settings by their letters.

    best: name of a setting that no other one beats -> its letter in the chart.
    """
    lines = ["".join(f"<span>{text}</span>" for text in _SAYS)]
    ringed = "".join(f"<span><b>{letter}</b> {words.escape(name)}</span>" for name, letter in best.items())
    if ringed:
        lines.append(f"<span>Ringed, beaten by no other:</span>{ringed}")
    return "".join(f'<p class="gi-frontier-key">{line}</p>' for line in lines)
