"""All trials of a run, and which of them, and which picture of a batch, the viewer shows."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from pages.shared.experiment.picture_grid import Item, picture_grid
from pages.shared.result.source import Source, compared
from pages.shared.result.viewer import frame


def shown(job: Job) -> int:
    """The trial on show: the one clicked, else the one that the attacker's own loss prefers."""
    run, trial = st.session_state.get("trial.clicked", (None, None))
    return trial if run == job.id and trial is not None else best(job)


def best(job: Job) -> int:
    """The attacker's choice."""
    summary = job.run_result["trials_summary"] if job.run_result else {}
    return summary["best"]["trial"] if "best" in summary else int(job.progress.get("best") or 0)


def draw(source: Source, job: Job) -> None:
    """Thumbnails with their losses, when there is more than one trial."""
    kept = source.snapshots()
    images = source.snapshot(kept[-1]) if kept else None
    if images is None or len(images) < 2:
        return
    losses = job.progress.get("trial_losses") or [
        t["score"] for t in (job.run_result["trials"] if job.run_result else ())
    ]
    chosen, preferred = shown(job), best(job)
    items = [
        Item(
            str(k), frame(job.id, kept[-1], k, None, source) or "",
            f"trial {k + 1}" + (" ★" if k == preferred else ""),
            note=("not begun" if losses else "") if k >= len(losses) else "diverged" if losses[k] is None else f"{losses[k]:.2g}",
            hint="the attacker's own choice" if k == preferred else "",
        )
        for k in range(len(images))
    ]  # fmt: skip
    st.html(
        '<h4 class="gi-sub">All trials <small>loss under each; ★ the attacker\'s own choice; click to look</small></h4>'
    )
    picture_grid(
        "Trials", items, [str(chosen)], lambda k: st.session_state.update({"trial.clicked": (job.id, int(k))}),
        key="trial_grid", cell=84, crisp=True,
    )  # fmt: skip


def picture(job: Job) -> int | None:
    """Which picture of the batch is shown; None for all of them."""
    run, number = st.session_state.get("picture.chosen", (None, None))
    return number if run == job.id else None


def choose_picture(job: Job) -> None:
    """All pictures of a batch at once, or one of them large."""
    count = compared(job)
    if count < 2:
        return
    now, key = picture(job), f"picture_{job.id}"
    st.pills(
        "Picture of the batch", range(-1, count), default=-1 if now is None else now, key=key, required=True,
        format_func=lambda k: "all" if k < 0 else str(k + 1), on_change=_chose, args=(key, job.id),
    )  # fmt: skip


def _chose(key: str, run: str) -> None:
    number = st.session_state[key]
    st.session_state["picture.chosen"] = (run, None if number < 0 else number)
