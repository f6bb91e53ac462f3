"""Ready sweeps as cards, and the sweeps that were started, as they stand."""

from __future__ import annotations

import time

import streamlit as st

from gi_core.experiments.sweeps import MEASURED, ready
from gi_core.jobs import sweeps
from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep
from pages.shared import telling, words
from pages.shared.result import run_dialogs
from pages.shared.result.run_card import age
from pages.shared.session import dispatcher, store
from pages.shared.sweeps import asking, progress

_SAID = "sweeps.said"
PAGE = 8


def _jobs() -> list[Job]:
    return store().jobs(kinds=("sweep",), limit=200)


def cards() -> None:
    """One card for each ready sweep: the question, how much it is, and a button."""
    jobs = _jobs()
    said = st.session_state.pop(_SAID, None)
    if said:
        telling.problem(said)
    with st.grid(4, min_column_width=270, gap="small", key="ready_sweeps"):
        for name, sweep in ready().items():
            with st.container(border=True, height="stretch", gap="xsmall", key=f"ready_{name}"):
                _card(name, sweep, asking.find(sweep, jobs))


def _card(name: str, sweep: Sweep, job: Job | None) -> None:
    found = asking.extent(sweep)
    taken = f" · about {words.span(MEASURED[name])} on two cores" if name in MEASURED else ""
    st.html(
        f'<h3 class="gi-sub">{words.escape(sweep.name)}</h3><p class="gi-lead">{words.escape(sweep.question)}</p>'
        f'<p class="gi-about">{words.escape(asking.size(found) + taken)}</p>'
    )
    if job is None:
        st.button(
            "Run", type="primary", icon=":material/play_arrow:", key=f"run_{name}", on_click=_start, args=(sweep,)
        )
    else:
        sign, word = words.STATES[job.state]
        st.button(f"Open ({word})", key=f"open_{name}", on_click=asking.show, args=(job.id,))


def _start(sweep: Sweep) -> None:
    try:
        asking.start(sweep)
    except SpecError as error:
        st.session_state[_SAID] = str(error)


def draw() -> None:
    """All sweeps, newest first; refreshes by itself while one goes on."""
    going = any(not job.over for job in _jobs())
    st.fragment(_rows, run_every=2.0 if going else None, key="sweeps_list")(going)
    run_dialogs.draw()


def _rows(timed: bool) -> None:
    if asking.shown() is not None:  # opened here: the click alone would redraw these rows only
        st.rerun(scope="app")
    if timed:
        dispatcher().ensure()
    jobs = _jobs()
    if timed != any(not job.over for job in jobs):
        st.rerun(scope="app")
    if not jobs:
        st.html('<p class="gi-about">None yet: run a ready one, or make your own below.</p>')
        return
    pages = -(-len(jobs) // PAGE)
    page = min(st.session_state.get("sweeps_page") or 1, pages)
    for job in jobs[(page - 1) * PAGE : page * PAGE]:
        with st.container(border=True, gap="xsmall", key=f"sweep_{job.id}"):
            _row(job)
    if pages > 1:
        st.pagination(pages, key="sweeps_page")


def _row(job: Job) -> None:
    status = sweeps.status(store(), job.id)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.html(
            f'<div class="gi-sweep-title"><b>{words.escape(status.name)}</b>'
            f" <small>{words.escape(age(time.time() - job.created))}</small></div>"
        )
        st.button("Open", key=f"show_{job.id}", icon=":material/open_in_new:", on_click=asking.show, args=(job.id,))
        progress.buttons(status)
        if status.over and st.button("Delete", key=f"delete_{job.id}", icon=":material/delete:", type="tertiary"):
            run_dialogs.ask(job.id, "delete")
    progress.line(status)
