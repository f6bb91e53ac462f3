"""One run on the runs page: its pictures, its question, what came of it, and what can be done."""

from __future__ import annotations

import time
from pathlib import Path

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.metrics.verdicts import of_result
from gi_core.settings import SpecError
from pages.shared import link, telling, words
from pages.shared.pictures import data_uri
from pages.shared.result import run_dialogs
from pages.shared.session import store

_ACTIONS = {"rename": "Rename", "pin": "Pin", "unpin": "Unpin", "delete": "Delete"}


def draw(job: Job) -> None:
    """A card of fixed height with a row of buttons under it."""
    with st.container(border=True, height="stretch", gap="xsmall", key=f"card_{job.id}"):
        st.html(_body(job))
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            link.to_lab("Open", run=job.id)
            st.checkbox("Compare", key=f"compare_{job.id}", on_change=_compare, args=(job.id,))
            options = ["rename", "unpin" if job.pinned else "pin", "delete"]
            st.menu_button(
                "More", options, key=f"more_{job.id}", format_func=_ACTIONS.__getitem__, type="tertiary",
                on_click=_act, args=(job.id,),
            )  # fmt: skip


def _body(job: Job) -> str:
    sign, word = words.state(job)
    picture = thumbnail(job)
    image = (
        f'<img src="{picture}" alt="original and reconstruction">'
        if picture
        else '<div class="gi-none">no picture yet</div>'
    )
    question = words.question(job.spec)
    title = job.title or question
    pin = (" · pinned" if job.pinned else "") + (" · done elsewhere" if job.origin else "")
    return (
        f'<div class="gi-run"><div class="gi-thumb">{image}</div>'
        f'<div><b class="gi-run-title">{words.escape(title)}</b>'
        + (f"<span>{words.escape(question)}</span>" if question.lower() != title.lower() else "")
        + f'<span class="gi-state gi-{job.state}"><b><i aria-hidden="true">{sign}</i> {word}</b></span>'
        f"<span>{words.escape(outcome(job))}</span>"
        f"<small>{words.escape(age(time.time() - job.created))}{pin}</small></div></div>"
    )


def outcome(job: Job) -> str:
    """What came of it, in one line."""
    if job.state == "failed":
        return telling.sentence(job.error or "no reason was given")
    if job.run_result is not None:
        psnr = job.metrics.get("psnr")
        label = of_result(job.run_result).label
        return " · ".join(filter(None, (label, f"{psnr:.1f} dB" if psnr is not None else "")))
    done, total = job.progress.get("iteration"), job.progress.get("iterations")
    return f"iteration {done} of {total}" if done and total else ""


def age(seconds: float) -> str:
    """How long ago."""
    if seconds < 90:
        return "just now"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "just now"


def thumbnail(job: Job) -> str | None:
    """The run's thumbnail as a data URI."""
    try:
        path = store().path(job.id) / "thumbnail.png"
        stamp = path.stat().st_mtime
    except (SpecError, OSError):
        return None
    return _read(str(path), stamp)


@st.cache_data(max_entries=400, show_spinner=False)
def _read(path: str, stamp: float) -> str:
    return data_uri(Path(path).read_bytes())


def _compare(run: str) -> None:
    """Choose a run for comparison, at most two: a third choice lets the first go."""
    chosen = [r for r in st.session_state.get("runs.compare", []) if r != run]
    if st.session_state[f"compare_{run}"]:
        chosen.append(run)
    for old in chosen[:-2]:
        st.session_state[f"compare_{old}"] = False
    st.session_state["runs.compare"] = chosen[-2:]


def _act(run: str) -> None:
    action = st.session_state[f"more_{run}"]
    if action in ("pin", "unpin"):
        store().pin(run, action == "pin")
    elif action:
        run_dialogs.ask(run, action)
