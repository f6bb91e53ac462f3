"""Round after round: a job that measures after how many updates of the same picture it is exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from pages.rank import measuring
from pages.shared import form, telling, words
from pages.shared.experiment import press
from pages.shared.rank.table import ROW
from pages.shared.session import dispatcher, store, viewer

MOST = 16
_ASKED, _ERROR = "rank.rounds", "rank.rounds_error"
_COLUMNS = {
    "rounds": ("Rounds", "Updates of the same picture that the server has, each at the weights after the one before."),
    "shown": ("Directions shown", "Rank of the Jacobians of these updates, stacked, at single precision."),
    "open": ("Open", "Directions of the picture about which the updates say no more than a guess of grey."),
    "error": ("Expected error", "Root mean square per pixel, in [0, 1]; one grey level of 255 is 0.0039."),
    "back": ("Back?", "✓ exact: every direction shows, and the error is below one grey level."),
}


def draw() -> None:
    """The question, the button and the answer; it looks again by itself while a worker measures."""
    job = _job()
    waiting = job is not None and not job.over
    st.fragment(_body, run_every=0.6 if waiting else None, key="rank_rounds")(waiting)


def found() -> dict[str, Any] | None:
    """What was measured of the network in the form, if it was asked for."""
    job = _job()
    return job.result["rounds"] if job is not None and job.state == "done" and job.result else None


def _body(waiting: bool) -> None:
    job = _job()
    if waiting != (job is not None and not job.over):
        st.rerun(scope="app")  # with the timer, or without it
    st.html('<h4 class="gi-sub">Round after round <small>a client that trains on the same picture again</small></h4>')
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="rank_rounds_bar"):
        st.number_input("Rounds", 1, MOST, 4, key="rank_rounds_most", width=120, help="Most rounds to look at.")
        st.number_input(
            "Step between rounds", 0.0, 100.0, 0.1, key="rank_rounds_rate", width=170, format="%g",
            help="By how much of the picture's gradient the network moves from one round to the next.",
        )  # fmt: skip
        press.act(
            "rank_rounds_ask", "Measure round by round", _ask, icon=":material/repeat:", disabled=waiting,
            help="Builds the network and counts what its updates of one random picture show together.",
        )  # fmt: skip
    said = st.session_state.pop(_ERROR, None) or (job.error if job and job.state == "failed" else None)
    if said:
        telling.problem(said)
    told = found()
    line = told["sentence"] if told else _waiting(job) if waiting else ""
    if line:
        st.html(f'<p class="gi-about" role="status">{words.escape(line)}</p>')
    if told:
        _table(told)


def _waiting(job: Job | None) -> str:
    return str(((job.progress or {}) if job else {}).get("stage") or "Measuring…").capitalize()


def _table(told: Mapping[str, Any]) -> None:
    rows = [
        {
            "rounds": r["rounds"], "shown": r["rank"], "open": told["directions"] - r["rank"],
            "error": f"{r['expected_error']:.1e}", "back": "✓ exact" if r["exact"] else "–",
        }
        for r in told["rounds"]
    ]  # fmt: skip
    config = {name: st.column_config.Column(title, help=about) for name, (title, about) in _COLUMNS.items()}
    st.dataframe(
        rows, column_order=list(_COLUMNS), column_config=config, hide_index=True, key="rank_rounds_table", row_height=ROW,
        height=ROW * (len(rows) + 1) + 3, alt="What several updates of the same picture show together",
    )  # fmt: skip


def _spec() -> dict[str, Any]:
    """What the job is asked."""
    state = st.session_state
    asked = {"rounds": state.get("rank_rounds_most", 4), "rate": state.get("rank_rounds_rate", 0.1)}
    return {**measuring.spec(form.current()), **asked}


def _job() -> Job | None:
    """The job about what the form shows, if it was asked for."""
    key, number = st.session_state.get(_ASKED, ("", ""))
    return store().job(number) if number and key == measuring.mark(_spec()) else None


def _ask() -> None:
    asked = _spec()
    dispatcher().ensure()
    key = measuring.mark(asked)
    try:
        number = store().submit("rank", asked, owner=viewer() or "", cache_key="rank:" + key)
    except SpecError as error:
        st.session_state[_ERROR] = str(error)
        return
    st.session_state[_ASKED] = (key, number)
