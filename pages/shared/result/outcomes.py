"""What a closed-form attack ends with: a picture, its published rescaling, or a mixture of a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from gi_core.types.result_parts import Measures, Mixture, Rescaled
from pages.shared import pictures
from pages.shared.result.source import Source
from pages.shared.result.viewer import select
from pages.shared.session import store


def figures(job: Job, source: Source, truth: bool) -> list[dict[str, str]]:
    """Original (unless hidden), answer, and the answer as R-GAP's authors show it: {title, src, note}."""
    kept, originals = source.snapshots(), source.originals()
    images = source.snapshot(kept[-1]) if kept and job.state == "done" else None
    if images is None:
        return []
    best = int(job.progress.get("best") or 0)
    count = mixed(job)
    note = f"one mixture of {count} pictures" if count else _decibels(job.metrics, truth)
    found = [_figure("Recovered", pictures.uri(select(images[min(best, len(images) - 1)], 0 if count else None)), note)]
    if truth and originals is not None:
        found.insert(
            0, _figure("Originals" if len(originals) > 1 else "Original", pictures.uri(select(originals, None)), "")
        )
    published = rescaled(job)
    shown = file(job, published["file"]) if published else None
    if published and shown is not None:
        found.append(_figure("Rescaled, as published", shown, _decibels(published, truth)))
    return found


def rescaled(job: Job) -> Rescaled | None:
    """The published rescaling, (x - min x) / max x, of an R-GAP run; None for other attacks."""
    closed = (job.spec.get("attack") or {}).get("kind") in ("rgap", "rgap_hybrid")
    return job.run_result.get("rescaled") if closed and job.run_result else None


def _figure(title: str, src: str, note: str) -> dict[str, str]:
    return {"title": title, "src": src, "note": note}


def _decibels(metrics: Measures | Rescaled, truth: bool) -> str:
    psnr = metrics.get("psnr")
    return f"{psnr:.1f} dB" if truth and psnr is not None else ""


def file(job: Job, name: str) -> str | None:
    """A picture in the run's own folder as a data URI."""
    try:
        return pictures.data_uri((store().path(job.id) / Path(name).name).read_bytes())
    except (SpecError, OSError):
        return None


def mixed(job: Job) -> int:
    """How many pictures each answer mixes; 0 when it is one picture."""
    found = _mixture(job)
    return len(found["coefficients"][0]) if found else 0


def _mixture(job: Job) -> Mixture | None:
    return job.run_result.get("mixture") if job.run_result else None


def mixture(job: Job, source: Source) -> None:
    """How much of each original is in each answer, when it is a sum of them."""
    found = _mixture(job)
    if not found:
        return
    originals, answers = source.originals(), found["coefficients"]
    lists = "".join(_weights(weights, originals) for weights in answers)
    more = f": {len(answers)} different answers" if len(answers) > 1 else ""
    st.html(
        f'<h4 class="gi-sub">One mixture of {mixed(job)} pictures{more} <small>how much of each original is in it</small>'
        f'</h4><div class="gi-mixtures">{lists}</div><p class="gi-about">A batch is sent as one sum; dividing it layer by'
        f" layer gives a sum back, not the pictures. They leave {found['span_residual']:.1e} of the answer unexplained.</p>"
    )


def _weights(weights: list[float], originals: np.ndarray | None) -> str:
    """One line for each original: thumbnail, bar to the left or right of zero, number."""
    most = max(abs(w) for w in weights) or 1.0
    lines = []
    for k, weight in enumerate(weights):
        image = "<span></span>"
        if originals is not None and k < len(originals):
            image = f'<img src="{pictures.uri(originals[k])}" alt="original {k + 1}">'
        side, width = ("left" if weight < 0 else "right"), 50 * abs(weight) / most
        lines.append(
            f'<li>{image}<span class="gi-weight"><i class="gi-{side}" style="width:{width:.1f}%"></i></span>'
            f"<b>{weight:+.3f}</b></li>"
        )
    return f'<ul class="gi-mixture">{"".join(lines)}</ul>'
