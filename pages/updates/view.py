"""The updates page: the question on the left; the attack, and what is in the files, on the right."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.types.inspection import read
from pages.shared import address, form, head, link, stage, telling
from pages.shared.result import live
from pages.shared.session import dispatcher
from pages.updates import asking, example, exposure, inside

_MEANWHILE = (
    '<ol class="gi-meanwhile"><li><b>What you need:</b> two files of one round of federated learning. The <b>update</b> is what a'
    " client sent, how each weight changed; the <b>checkpoint</b> is the network before the round. NVFlare, Flower and MONAI can"
    " write both.</li><li><b>What you will see:</b> what is in them, how exposed the private pictures are, and then an attack that"
    " tries to bring them back, live.</li><li><b>What stays here:</b> everything. The files are read by a worker on this machine;"
    " nothing in them is ever run.</li></ol>"
)


def draw() -> None:
    """Form and stage refresh apart."""
    example.settle()
    run = address.get("run")
    if run is not None and stage.presenting():
        live.draw(run)
        return
    with st.container(key="lab"):
        with st.container(key="head", gap="xsmall"):
            lead = "Give the files that a real client sent, and see which pictures a server could read back from them."
            head.title("What does this update give away?", lead if run is None else "")
            asking.draw_examples()
            _words()
        with st.container(key="form", gap="small"):
            asking.draw()
        with st.container(key="stage", gap="small"):
            if run is not None:
                live.draw(run)
                link.to_lab("Open in the lab", "science", run=run)
            waiting = _waiting()
            st.fragment(_stage, run_every=0.6 if waiting else None, key="updates_stage")(waiting, run is not None)


def _words() -> None:
    head.word()
    said = example.said()
    if said:
        telling.problem(said)


def _waiting() -> bool:
    job, _ = asking.looked()
    return example.waiting() or (job is not None and not job.over)


def _stage(timed: bool, attacked: bool) -> None:
    if timed:
        dispatcher().ensure()
    if _waiting() != timed:
        st.rerun(scope="app")
    if example.waiting():
        _progress("A worker plays a client's round and keeps its files…", example.job())
        return
    job, wrong = asking.looked()
    if job is None and wrong is None:
        if not attacked:
            st.html(_MEANWHILE)
        return
    if job is not None and not job.over:
        _progress("A worker looks into the files…", job)
        return
    refused = asking.refusal(job, wrong)
    if refused:
        telling.problem(refused, kind="gi-refused")
    found = read(job.result) if job is not None and job.state == "done" else None
    if found is None:
        return
    with st.container(key="updates_exposure", gap="xsmall"):
        if asking.obstacle(job, wrong) is None and not attacked:
            exposure.draw(form.current())
    with st.container(key="updates_inside", gap="xsmall"):
        inside.draw(found)


def _progress(text: str, job: Job | None) -> None:
    text = "Waiting for the worker…" if job is not None and job.state == "queued" else text
    st.html(f'<p class="gi-about" role="status" aria-busy="true">{text}</p>')
