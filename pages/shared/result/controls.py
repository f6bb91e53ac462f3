"""The standing controls of a run: one button that runs them, and then what they got beside it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.experiments.sweeps import against
from gi_core.experiments.sweeps.control_sweep import controls_of
from gi_core.experiments.sweeps.table import records
from gi_core.jobs import sweeps
from gi_core.jobs.job import Job
from gi_core.metrics import claims
from gi_core.metrics.registry import shown
from gi_core.settings import SpecError, build
from gi_core.settings.controls import CONTROLS
from gi_core.settings.sweep import Sweep
from pages.shared import telling
from pages.shared.pictures import uri
from pages.shared.result.source import StoredRun
from pages.shared.result.viewer import select
from pages.shared.session import dispatcher, store, viewer
from pages.shared.sweeps import asking
from pages.shared.words import escape, span


def draw(job: Job) -> None:
    """For a run that has ended, of the client's own update."""
    if job.state != "done" or (job.spec.get("control") or "none") != "none":
        return
    try:
        sweep = controls_of(build(job.spec))
    except SpecError:
        return
    known = asking.find(sweep, store().jobs(kinds=("sweep",), limit=200))
    st.html('<h4 class="gi-sub">Standing controls <small>the same attack where the update shows nothing</small></h4>')
    if known is None:
        _ask(job, sweep)
        return
    going = not sweeps.status(store(), known.id).over
    st.fragment(_found, run_every=2.0 if going else None, key="controls_live")(known.id, going)


def _ask(job: Job, sweep: Sweep) -> None:
    """What it costs, and the button."""
    each = job.run_result["seconds"] if job.run_result else None
    runs = max(0, asking.extent(sweep).runs - 1)
    cost = f"{runs} runs like this one" + (f", about {span(runs * max(1.0, each))}" if each else "")
    if st.button(
        "Run the controls", key=f"controls.{job.id}", icon=":material/balance:",
        help="What the attack makes of noise of the same length, of another client's update, and of its prior alone. " + cost + ".",
    ):  # fmt: skip
        try:
            dispatcher().ensure()
            sweeps.start(store(), sweep, viewer() or "", asking.look)
        except SpecError as error:
            telling.problem(error)
            return
        st.rerun(scope="app")
    st.html(f'<p class="gi-about">{escape(cost[:1].upper() + cost[1:])}.</p>')


def _found(number: str, timed: bool) -> None:
    if timed and sweeps.status(store(), number).over:
        st.rerun(scope="app")
    rows = records(store(), number)
    figures = "".join(_figure(row, entry.job) for row, entry in zip(rows, sweeps.members(store(), number), strict=True))
    st.html(f'<div class="gi-controls">{figures}</div><p class="gi-about">{escape(against.sentences(rows))}</p>')


def _figure(row: dict[str, Any], job: Job | None) -> str:
    kind = row["control"]
    title = CONTROLS[kind][0].partition(": ")[2] if kind in CONTROLS else "The update itself"
    picture = _picture(job)
    seen = f'<img src="{picture}" alt="">' if picture else ""
    if row["state"] == "done":
        numbers = f"{shown('psnr', row['psnr'])}, SSIM {shown('ssim', row['ssim'])}"
        said = f"<b>{escape(numbers)}</b><small>{escape(claims.of_row(row))}</small>"
    else:
        said = f"<small>{escape(telling.sentence(row['error'] or row['state']))}</small>"
    return f"<figure>{seen}<figcaption>{escape(title[:1].upper() + title[1:])}{said}</figcaption></figure>"


def _picture(job: Job | None) -> str | None:
    """What came back last, of the best trial."""
    if job is None:
        return None
    source = StoredRun(store(), job)
    kept = source.snapshots()
    images = source.snapshot(kept[-1]) if kept else None
    best = int(job.progress.get("best") or 0)
    return uri(select(images[min(best, len(images) - 1)], None)) if images is not None else None
