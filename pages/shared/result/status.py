"""How a run stands, and the buttons that change it."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from pages.shared import address, words
from pages.shared.session import store


def line(job: Job, place: int) -> None:
    """State, iteration, speed and time left, on lines of fixed height."""
    sign, word = words.state(job)
    progress, ended = job.progress, job.run_result
    done, total = progress.get("iteration") or 0, progress.get("iterations") or 0
    facts = []
    if job.state == "queued":
        facts.append("next in line" if place == 0 else f"{place} before it in the queue")
        if store().jobs(states=("running", "pausing"), limit=1):
            facts.append("another run is going on")
    elif done:
        solved = len(progress.get("layers") or ())
        facts.append(_solved(solved, done) if solved else f"iteration {done}")
        if total and not job.over and not solved:
            facts[-1] += f" of at most {total}"
        if not job.over and done > solved:
            if job.state == "running":
                facts.append(words.rate(progress.get("per_second")))
            if job.state == "running" and progress.get("seconds_left") is not None:
                facts.append(f"{words.span(progress['seconds_left'])} left")
        seconds = (ended["seconds"] if ended else None) or progress.get("seconds")
        if seconds:
            facts.append(f"{words.span(seconds)} of attacking")
    accuracy = ended["model"].get("accuracy") if ended else None
    if accuracy is not None:
        facts.append(f"network trained to {100 * accuracy:.0f} %")
    if job.origin:
        facts.append("done elsewhere")
    if job.interrupted:
        facts.append("taken up again after its worker died")
    share = 1.0 if job.state == "done" else min(1.0, done / total) if total else 0.0
    st.html(
        f'<div class="gi-state gi-{job.state}"><b><i aria-hidden="true">{sign}</i> {words.escape(word)}</b>'
        f"<span>{words.escape(' · '.join(facts))}</span></div>"
        f'<div class="gi-bar gi-{job.state}" role="progressbar" aria-label="Progress" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{100 * share:.0f}"><i style="width:{100 * share:.1f}%"></i></div>'
    )


def _solved(layers: int, steps: int) -> str:
    """How far a recursion got, and the steps after it."""
    more = steps - layers
    return f"{layers} layer{'s' * (layers > 1)} solved" + (f", {more} more steps" if more > 0 else "")


def buttons(job: Job) -> None:
    """Pause, resume, cancel; all of them ask only, and show at once that they did."""
    if job.state in ("running", "pausing"):
        st.button(
            "Pause", key=f"pause.{job.id}", icon=":material/pause:", on_click=address.control, args=(job.id, "pause"),
            disabled=job.state == "pausing" or job.asked != "",
        )  # fmt: skip
    resumable = job.state == "paused" or (job.state in ("failed", "cancelled") and _checkpoint(job))
    if resumable:
        st.button(
            "Resume",
            key=f"resume.{job.id}",
            icon=":material/play_arrow:",
            on_click=address.control,
            args=(job.id, "resume"),
        )
    if not job.over:
        st.button(
            "Cancel", key=f"cancel.{job.id}", icon=":material/stop:", on_click=address.control, args=(job.id, "cancel"),
            disabled=job.asked == "cancel",
        )  # fmt: skip


def _checkpoint(job: Job) -> bool:
    try:
        return (store().path(job.id) / "checkpoint.pt").is_file()
    except SpecError:
        return False
