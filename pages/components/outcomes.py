"""What a closed-form attack may end with besides a picture: a rescaled one, or a mixture of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from gi_core.runs.job import Job
from gi_core.spec import SpecError
from pages.components import pictures, words
from pages.components.session import store
from pages.components.source import Source


def draw(job: Job, source: Source, truth: bool) -> None:
    """Both compare with the original, so nothing is shown where the truth is hidden."""
    result = job.result or {}
    if truth and result.get("mixture"):
        _mixture(result["mixture"], source)
    if truth and result.get("rescaled"):
        _rescaled(job, result)


def mixed(job: Job) -> int:
    """How many pictures the answer mixes; 0 when it is one picture."""
    found = (job.result or {}).get("mixture")
    return len(found.get("coefficients") or ()) if found else 0


def _mixture(mixture: dict[str, Any], source: Source) -> None:
    weights = [float(c) for c in mixture.get("coefficients") or ()]
    originals = source.originals()
    most = max((abs(w) for w in weights), default=0.0) or 1.0
    lines = []
    for k, weight in enumerate(weights):
        shown = originals is not None and k < len(originals)
        image = f'<img src="{pictures.uri(originals[k])}" alt="original {k + 1}">' if shown else ""
        side, width = ("left" if weight < 0 else "right"), 50 * abs(weight) / most
        lines.append(
            f'<li>{image}<span class="gi-weight" role="img" aria-label="weight {weight:+.3f}">'
            f'<i class="gi-{side}" style="width:{width:.1f}%"></i></span><b>{weight:+.3f}</b></li>'
        )
    span = mixture.get("span_residual")
    exact = f" What is not a sum of them: {span:.1e} of the answer." if span is not None else ""
    st.html(
        f'<h4 class="gi-sub">One mixture of {len(weights)} pictures <small>how much of each original is in the answer'
        f'</small></h4><ul class="gi-mixture">{"".join(lines)}</ul><p class="gi-about">A batch is sent as one sum, and'
        f" dividing it layer by layer gives one sum back, not the pictures.{exact}</p>"
    )


def _rescaled(job: Job, result: dict[str, Any]) -> None:
    try:
        folder = store().path(job.id)
    except SpecError:
        return
    psnr = (result.get("metrics") or {}).get("psnr")
    raw = _figure(folder / "reconstruction.png", "As solved", psnr)
    published = _figure(folder / Path(str(result["rescaled"].get("file") or "")).name, "Rescaled, as published", result["rescaled"].get("psnr"))
    st.html(
        '<h4 class="gi-sub">Brightness <small>the published picture is (x − min x) / max x</small></h4>'
        f'<div class="gi-figures">{raw}{published}</div>'
    )


def _figure(path: Path, title: str, psnr: float | None) -> str:
    try:
        image = f'<img src="{pictures.data_uri(path.read_bytes())}" alt="{title}">'
    except OSError:
        image = '<div class="gi-none">no picture</div>'
    note = f"{psnr:.1f} dB" if psnr is not None else ""
    return f"<figure>{image}<figcaption><b>{title}</b> {words.escape(note)}</figcaption></figure>"
