"""What the answers ask for, how much it is, and the button that starts it."""

from __future__ import annotations

import streamlit as st

from gi_core.deployment import costs, question
from gi_core.deployment.questions import assumed
from gi_core.jobs import sweeps
from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from pages.deployment import answers
from pages.shared import telling, words
from pages.shared.session import dispatcher, store, viewer
from pages.shared.sweeps import asking

_SAID = "deployment.said"
TIME = "An answer takes half a minute to seven minutes on two free cores. Pictures are shown as they come."


def jobs() -> tuple[Job | None, Job | None]:
    """The sweeps of these answers and of what protection costs, where they were started."""
    asked = answers.current()
    there = store().jobs(kinds=("sweep",), limit=200)
    price = costs(asked)
    return asking.find(question(asked), there), asking.find(price, there) if price is not None else None


def launch(job: Job | None) -> None:
    """The button; nothing where it was pressed already."""
    asked = answers.current()
    said = st.session_state.pop(_SAID, None)
    if said:
        telling.problem(said)
    taken = assumed(asked)
    if taken:
        with st.expander(f"{len(taken)} not known: taken as what leaks most", type="compact", key="deployment_assumed"):
            st.html("".join(f'<p class="gi-about">{words.escape(one)}</p>' for one in taken))
    if job is None:
        with st.container(horizontal=True, gap="small", vertical_alignment="center", key="deployment_launch"):
            st.button(
                "Check this deployment",
                type="primary",
                icon=":material/play_arrow:",
                key="deployment_run",
                on_click=_start,
            )
            st.html(
                f'<p class="gi-estimate" role="status">{words.escape(f"{question(asked).size} updates are attacked. {TIME}")}</p>'
            )


def _start() -> None:
    asked = answers.current()
    try:
        for sweep in filter(None, (question(asked), costs(asked))):
            asking.extent(sweep)
            dispatcher().ensure()
            sweeps.start(store(), sweep, viewer() or "", asking.look)
    except SpecError as error:
        st.session_state[_SAID] = str(error)
