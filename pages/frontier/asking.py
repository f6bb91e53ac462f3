"""What is measured, in a compact form, how long it takes, and the button that starts it."""

from __future__ import annotations

import streamlit as st

from gi_core.experiments.sweeps import MEASURED
from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep
from pages.frontier import question
from pages.shared import telling, words
from pages.shared.experiment import press
from pages.shared.sweeps import asking, timing

_SAID = "frontier.said"
_EMPTY = (
    '<ol class="gi-meanwhile"><li><b>What is measured:</b> a client sends one gradient of a medical picture, eight times, under each defense'
    " in turn. One attacker takes the update for plain, another knows the defense and allows for it.</li>"
    "<li><b>What it costs:</b> the same network is trained by five clients with the same defense switched on, and tested"
    " on pictures that no client has.</li>"
    "<li><b>What you will see:</b> leakage against accuracy, point by point as it comes in, and which settings no other"
    " one beats.</li></ol>"
)


def empty() -> None:
    """Before anything was drawn."""
    st.html(_EMPTY)


def launch(job: Job | None) -> None:
    """The button, with how much it is."""
    sweep = question.current()
    said = st.session_state.pop(_SAID, None)
    if said:
        telling.problem(said)
    try:
        found = asking.extent(sweep)
    except SpecError as error:
        telling.problem(error)
        return
    for reason in asking.reasons(found):
        telling.note(reason)
    if job is not None and job.cache_key == sweep.key() and (not job.over or job.state == "done"):
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="frontier_launch"):
        if press.button(
            "frontier_run", "Draw the frontier", about=sweep.key(), type="primary", icon=":material/play_arrow:"
        ):
            _start(sweep)
            st.rerun(scope="app")
        st.html(f'<p class="gi-estimate" role="status">{words.escape(f"{asking.size(found)}, {_time(sweep)}")}</p>')


def _time(sweep: Sweep) -> str:
    known = {question.NAME: question.first(), question.SECOND: question.second()}
    ready = next((MEASURED.get(name) for name, one in known.items() if sweep == one), None)
    return timing.said(asking.extent(sweep), ready) + ("; points appear as they are found" if ready else "")


def _start(sweep: Sweep) -> None:
    try:
        asking.start(sweep)
    except SpecError as error:
        st.session_state[_SAID] = str(error)
