"""Files of a job of NVFlare or Flower: kept by their hash, read by a worker, and what they say line by line."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.deployment import ASKED
from gi_core.deployment.job_files import MOST_BYTES, MOST_FILES
from gi_core.deployment.questions import UNKNOWN
from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from gi_core.types.job_reading import JobReading, read
from pages.deployment import answers
from pages.shared import address, inspecting, telling, words
from pages.shared.experiment import uploads

_KEY, _GIVEN, _LOOKED, _SAID, _FILLED = (
    "deployment_files",
    "deployment.given",
    "deployment.looked",
    "deployment.wrong",
    "deployment.filled",
)
_TOLD = "deployment.told"
_SECONDS = 0.5


def draw() -> None:
    """A place to drop the files, and below it what they say."""
    if told := st.session_state.pop(_TOLD, None):
        answers.fill(told)
    with st.expander("Fill in from a job of NVFlare or Flower", type="compact", key="fold.deployment_files"):
        st.file_uploader(
            "The job's configuration", ["json", "conf", "toml"], accept_multiple_files=True, key=_KEY, on_change=_taken, max_upload_size=1,
            help="config_fed_client.json, config_fed_server.json and meta.json of NVFlare, or pyproject.toml of Flower.",
        )  # fmt: skip
        if wrong := st.session_state.get(_SAID):
            telling.problem(wrong)
        if given := st.session_state.get(_GIVEN):
            job = _job(given)
            st.fragment(_answer, run_every=None if job is None or job.over else _SECONDS, key="deployment_reading")(
                given
            )


def _taken() -> None:
    """Keep what was dropped; a worker reads it."""
    for key in (_SAID, _GIVEN):
        st.session_state.pop(key, None)
    files = st.session_state.get(_KEY) or []
    try:
        if len(files) > MOST_FILES:
            raise SpecError(f"{len(files)} files were given: at most {MOST_FILES} belong to one job")
        given = [{"name": file.name, "file": uploads.keep_text(file.getvalue(), MOST_BYTES)} for file in files]
    except SpecError as error:
        st.session_state[_SAID] = str(error)
        return
    if given:
        st.session_state[_GIVEN] = {"described": given}


def _job(given: dict[str, Any]) -> Job | None:
    try:
        return inspecting.looked("described", given, _LOOKED)
    except SpecError as error:
        st.session_state[_SAID] = str(error)
        return None


def _answer(given: dict[str, Any]) -> None:
    """Refreshes by itself until the worker has read them; then the questions are filled in, once."""
    job = _job(given)
    if job is None:
        telling.problem(st.session_state[_SAID])
    elif job.state == "failed":
        telling.problem(job.error)
    elif (found := read(job.result)) is None:
        st.html('<p class="gi-about" role="status">The files are read.</p>')
    else:
        if st.session_state.get(_FILLED) != job.id:
            st.session_state[_FILLED] = job.id
            st.session_state[_TOLD] = found["answers"]
            st.rerun(scope="app")  # an address that is written just before this never reaches the browser
        address.show()  # once more, where a tick of the timer came between filling in and its way to the browser
        _lines(found)


def _lines(found: JobReading) -> None:
    """What was read from which key, and what no file says."""
    answered = {name: ASKED[name].answer(value) for name, value in found["answers"].items() if value != UNKNOWN}
    said = "".join(
        f'<tr><th scope="row">{words.escape(one["key"])}<small>{words.escape(one["file"])}</small></th><td>{words.escape(one["value"])}</td>'
        f"<td>{words.escape(one['text'])}</td></tr>"
        for one in found["lines"]
    )
    open_ = "".join(
        f"<li><b>{words.escape(ASKED[name].text)}</b> {words.escape(why)}</li>" for name, why in found["unsaid"].items()
    )
    number = len(answered)
    st.html(
        f'<p class="gi-about" role="status">A job of {words.escape(found["framework"])}: {number} of {len(ASKED)} questions answered below.</p>'
        '<div class="gi-scroll" tabindex="0" role="region" aria-label="What the files say"><table class="gi-table gi-said"><thead><tr>'
        '<th scope="col">Key</th><th scope="col">Value</th><th scope="col">What it says</th></tr></thead>'
        f"<tbody>{said}</tbody></table></div>"
        + (f'<p class="gi-about">Left at don\'t know:</p><ul class="gi-limits">{open_}</ul>' if open_ else "")
    )
