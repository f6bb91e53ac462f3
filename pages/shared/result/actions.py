"""What can be done with a run besides looking: run it again, vary it, compare it."""

from __future__ import annotations

import secrets

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import SpecError, build
from pages.shared import address, form, words
from pages.shared.experiment import launch
from pages.shared.session import store
from pages.shared.sweeps import keeping, making

_NONE, _VARY = "no overlay", "actions.vary"


def again(job: Job) -> None:
    """The same question with another seed."""
    st.button(
        "Another seed", key=f"again.{job.id}", icon=":material/refresh:", on_click=_again, args=(job,),
        help="Run the same experiment again from another random start.",
    )  # fmt: skip


def _again(job: Job) -> None:
    try:
        experiment = build({**job.spec, "seed": secrets.randbelow(10_000)})
        run = launch.submit(experiment)
    except SpecError as error:
        address.say(str(error))
        return
    form.replace(experiment)
    address.put(run=run, beside=None)
    st.session_state["live.restart"] = True


def vary(job: Job) -> None:
    """Many experiments like this one: the page of sweeps, from it."""
    st.button(
        "Vary…", key=f"vary.{job.id}", icon=":material/grid_view:", on_click=_vary, args=(job,),
        help="Run this experiment many times with one thing changed, as a sweep.",
    )  # fmt: skip
    if st.session_state.pop(_VARY, False):  # no callback may change the page
        st.switch_page("pages/sweeps/page.py")


def _vary(job: Job) -> None:
    try:
        form.replace(build(job.spec))
    except SpecError as error:
        address.say(str(error))
        return
    keeping.put(making.BASE, making.LAB)
    st.session_state[_VARY] = True


def overlay(job: Job) -> Job | None:
    """Another run whose curves are drawn over this one's; kept in the address."""
    others = {j.id: j for j in store().jobs(limit=30) if j.id != job.id and j.progress.get("iteration")}
    asked = address.get("overlay")
    if asked and asked not in others:
        extra = store().job(asked)
        if extra is not None and extra.kind == "run" and extra.id != job.id:
            others[asked] = extra
    options = [_NONE, *others]
    wanted = asked if asked in others else _NONE
    if st.session_state.get("overlay_with") != wanted:
        st.session_state["overlay_with"] = wanted
    st.selectbox(
        "Overlay with", options, options.index(wanted), key="overlay_with", width=280, on_change=_overlay, label_visibility="collapsed",
        format_func=lambda k: "Overlay another run" if k == _NONE else _name(others[k]),
    )  # fmt: skip
    return others.get(wanted)


def _name(job: Job) -> str:
    return f"Over {job.title or words.question(job.spec)} · {job.id[:4]}"


def _overlay() -> None:
    value = st.session_state["overlay_with"]
    address.put(overlay=None if value == _NONE else value)
