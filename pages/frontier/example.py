"""The default grid as it was measured before, so that the first view is not empty."""

from __future__ import annotations

import streamlit as st

from pages.frontier import question, view
from pages.shared.sweeps.recorded import recorded


def draw() -> None:
    """Drawn by what draws a real one; there are no runs to open."""
    example = recorded(question.NAME)
    with st.container(key="frontier_example", gap="small"):
        st.html(
            '<h2 class="gi-question">An example, measured before on two cores</h2>'
            '<p class="gi-about">These are the default settings: two bundled pictures and a LeNet. Draw your own frontier above.</p>'
        )
        st.fragment(view.findings, key="frontier_findings")(
            example.rows, question.first(), True, example.pair, opens=False
        )
