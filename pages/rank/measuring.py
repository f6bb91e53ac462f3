"""The counted numbers against the real network's: a job that measures ranks and conditions."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import streamlit as st

from gi_core.analysis.rank import RankReport
from gi_core.jobs import times
from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError
from pages.shared import form, telling, timing, words
from pages.shared.experiment import press
from pages.shared.rank import question, table
from pages.shared.session import dispatcher, store, viewer

_ASKED = "rank.measured"


def draw(report: RankReport) -> None:
    """The table, with a button; it looks again by itself while a worker measures."""
    job = _job()
    waiting = job is not None and not job.over
    st.fragment(_body, run_every=0.6 if waiting else None, key="rank_numbers")(report, waiting)


def _body(report: RankReport, waiting: bool) -> None:
    job = _job()
    if waiting != (job is not None and not job.over):
        st.rerun(scope="app")  # with the timer, or without it
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="rank_numbers_bar"):
        st.html('<h4 class="gi-sub">Layer by layer <small>the numbers behind the chart</small></h4>', width="stretch")
        press.act(
            "rank_measure", "Check with the real weights", _ask, icon=":material/straighten:",
            disabled=waiting, help=f"Builds the network and measures the rank and condition of its real equations: {_time(report)}.",
        )  # fmt: skip
    said = st.session_state.pop("rank.measure_error", None) or (job.error if job and job.state == "failed" else None)
    if said:
        telling.problem(said)
    measured = job.result if job is not None and job.state == "done" else None
    line = _agreement(report, measured) if measured else "Measuring with the real weights…" if waiting else ""
    if line:
        st.html(f'<p class="gi-about" role="status">{words.escape(line)}</p>')
    table.draw(report, measured)
    for notice in dict.fromkeys((*report.notices, *(measured or {}).get("notices", ()))):
        telling.note(notice)


def _agreement(report: RankReport, measured: dict[str, Any]) -> str:
    """One sentence on whether counting was right."""
    ranks = {entry["name"]: entry.get("rank") for entry in measured.get("layers", ())}
    layers = [layer for layer in report.layers if layer.route != "unsupported" and layer.name in ranks]
    wrong = [layer.name for layer in layers if ranks[layer.name] != layer.rank]
    if wrong:
        return f"Counted and measured rank differ at {', '.join(wrong)} (≠ in the table)."
    return f"Measured: all {len(layers)} ranks are as counted."


def spec(experiment: Experiment) -> dict[str, Any]:
    """What the job is asked."""
    return {
        "model": experiment.model.model_dump(mode="json"),
        "input": list(question.shape(experiment)),
        "classes": question.classes(experiment),
    }


def _time(report: RankReport) -> str:
    """Learned from the same network measured before, else by the unknowns of its layers."""
    kind = form.current().model.kind
    known = times.former(store(), "rank", lambda spec: (spec.get("model") or {}).get("kind") == kind)
    unknowns = [layer.unknowns for layer in report.layers if layer.unknowns]
    return timing.said(known or times.expected(times.layer_by_layer(unknowns), times.Span(0.3, 5.0)))


def mark(asked: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _job() -> Job | None:
    """The job about the network in the form, if it was asked for."""
    key, number = st.session_state.get(_ASKED, ("", ""))
    return store().job(number) if number and key == mark(spec(form.current())) else None


def _ask() -> None:
    asked = spec(form.current())
    dispatcher().ensure()
    try:
        number = store().submit("rank", asked, owner=viewer() or "", cache_key="rank:" + mark(asked))
    except SpecError as error:
        st.session_state["rank.measure_error"] = str(error)
        return
    st.session_state[_ASKED] = (mark(asked), number)
