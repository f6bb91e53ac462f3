"""The client's side of step three: what it could notice of the network that the server sends, or of one that a person received."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import Experiment, SpecError
from pages.shared import inspecting, telling, words
from pages.shared.experiment import uploads
from pages.shared.session import store

_FILE, _SAID = "received.file", "received.said"


def noticed(now: Experiment) -> None:
    """What the client of this experiment could notice, once a worker has looked at the network."""
    known, number, _ = st.session_state.get("launch.preview", ("", "", 0.0))
    job = store().job(number) if known == now.key() else None
    found = ((job.result if job is not None else None) or {}).get("model_check")
    if found is not None:
        _verdict("The client could notice", found["sentence"])


def draw(now: Experiment) -> None:
    """A place for a file of weights, and what a worker finds of it as the weights of the network of step two."""
    st.html(
        f'<p class="gi-about">The weights that a server sent you, of {words.escape(now.model.title)} as step 2 has it: a worker looks'
        " whether they ask for single pictures. Nothing is trained.</p>"
    )
    file = st.file_uploader(
        "Weights", ["safetensors", "pt", "pth"], key=_FILE, max_upload_size=uploads.MOST_UPDATE_BYTES // 2**20
    )
    if file is None:
        return
    try:
        job = _looked(now, uploads.keep_update(file.getvalue()))
    except SpecError as error:
        telling.problem(str(error))
        return
    if not job.over:
        st.fragment(_waiting, run_every=0.6)(job.id)
    elif job.state == "done" and job.result:
        _verdict(file.name, job.result["model_check"]["sentence"])
        for one in job.result["model_check"]["noticed"]:
            telling.note(f"{one['check']}, score {one['score']:.2g}: {one['sentence']}")
    else:
        telling.problem(job.error or "the worker did not say why: give another file")


def _looked(now: Experiment, ref: str) -> Job:
    """The job that looks at the file, asked for once. Raises SpecError."""
    asked = {"received": ref, **now.model_dump(mode="json", include={"model", "size", "channels"})}
    job = inspecting.looked("received", asked, _SAID)
    assert job is not None
    return job


def _waiting(number: str) -> None:
    job = store().job(number)
    st.html('<p class="gi-estimate" role="status">A worker looks at the file…</p>')
    if job is None or job.over:
        st.rerun(scope="app")


def _verdict(what: str, sentence: str) -> None:
    st.html(f'<p class="gi-sees" role="status"><b>{words.escape(what)}</b> {words.escape(sentence)}.</p>')
