"""A finished run that ships with the program, so that the first view is not empty."""

from __future__ import annotations

import streamlit as st

from gi_core.figures import captions
from gi_core.settings import build
from pages.shared import form, stage, words
from pages.shared.experiment import press
from pages.shared.result import curves, measures, viewer
from pages.shared.result.source import EXAMPLE, Recording


@st.cache_resource(show_spinner=False)
def recording() -> Recording:
    """Read once."""
    return Recording()


def draw() -> None:
    """The recorded run, played back once."""
    if not (EXAMPLE / "run.json").is_file():
        st.info("Choose a picture on the left and press Run attack.")
        return
    source = recording()
    job, points = source.job, source.curve()
    stage.other("an example")
    with st.container(horizontal=True, vertical_alignment="center", key="example_head"):
        st.html(f'<h2 class="gi-question">An example, played back: {words.escape(job.title)}</h2>')
        press.act(
            "example_use", "Use these settings", form.replace, build(job.spec),
            help="Fills the form with this experiment; nothing runs until you press Run attack.",
        )  # fmt: skip
    measures.draw_sentence(job, True)
    viewer.draw(source, points, 0, truth=True, autoplay=True, key="viewer_example")
    measures.draw_known(job, True)
    measures.draw(job, True)
    caption = captions.of_run(job.spec, job.run_result)
    with st.container(horizontal=True, gap="medium", key="example_charts"):
        with st.container(width="stretch", gap="xsmall"):
            curves.losses({"example": points}, True, "example_loss", caption)
        with st.container(width="stretch", gap="xsmall"):
            curves.likeness({"example": points}, "example_likeness", caption)
