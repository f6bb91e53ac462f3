"""Two pictures, one update: the reconstruction beside another picture that explains what was sent as well."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from pages.shared import pictures, words
from pages.shared.result import outcomes, trials
from pages.shared.result.source import Source
from pages.shared.result.viewer import select


def draw(job: Job, source: Source) -> None:
    """Nothing where the answer has no twin, or was not examined."""
    certainty = job.run_result["attacker"].get("certainty") if job.run_result is not None else None
    kept = source.snapshots()
    images = source.snapshot(kept[-1]) if kept else None
    if not certainty or "twin" not in certainty or images is None:
        return
    found = certainty["twin"]
    other = outcomes.file(job, found["file"])
    if other is None:
        return
    answer = pictures.uri(select(images[min(trials.best(job), len(images) - 1)], None))
    left = (
        "" if found["residual"] is None else f" Of the update, it leaves {100 * found['residual']:.1g} % unexplained."
    )
    about = f"{found['apart']:.2g} per pixel from the reconstruction.{left}"
    st.html(
        '<h4 class="gi-sub">Two pictures, one update <small>the server cannot tell these two apart</small></h4>'
        f'<div class="gi-twins">{_figure("Reconstruction", answer, "")}{_figure("Its twin", other, about)}</div>'
    )


def _figure(title: str, src: str, about: str) -> str:
    return (
        f'<figure><img src="{src}" alt="{words.escape(title)}">'
        f"<figcaption><b>{words.escape(title)}</b> {words.escape(about)}</figcaption></figure>"
    )
