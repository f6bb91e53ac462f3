"""The ready grids as they were measured before, so that the first view is not empty."""

from __future__ import annotations

import streamlit as st

from pages.frontier import question, view
from pages.shared.sweeps.recorded import recorded

_EXAMPLES = {question.NAME: "What each defense costs", question.SECOND: "A server that fishes"}
_ABOUT = {
    question.NAME: "These are the default settings: eight crops of four bundled medical pictures, and a LeNet.",
    question.SECOND: "Sixteen medical pictures are behind an update. The server fishes for the class of one of them.",
}


def draw() -> None:
    """Drawn by what draws a real one; there are no runs to open."""
    with st.container(key="frontier_example", gap="small"):
        st.html('<h2 class="gi-question">An example, measured before on two cores</h2>')
        first = question.SECOND if question.current() == question.second() else question.NAME
        name = st.segmented_control(
            "Example", list(_EXAMPLES), default=first, format_func=_EXAMPLES.__getitem__, required=True, key=f"frontier_example_{first}",
            label_visibility="collapsed",
        )  # fmt: skip
        name = name or first
        st.html(f'<p class="gi-about">{_ABOUT[name]} Draw your own frontier above.</p>')
        example, sweep = recorded(name), question.first() if name == question.NAME else question.second()
        st.fragment(view.findings, key="frontier_findings")(example.rows, sweep, True, example.pair, opens=False)
