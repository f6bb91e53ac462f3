"""Can you read the name? The burnt-in text of the patient's picture, original beside reconstruction, enlarged.

No metric says whether a name can be read; a person can, so the rows that hold the text are shown large.
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image

from gi_core.data import bundled
from gi_core.runs.job import Job
from pages.components import pictures
from pages.components.source import Source

PATIENT = ("bundled/patient", "bundled/patient:0")
WIDTH = 512


def index(job: Job) -> int | None:
    """Which picture of the batch is the patient's; None when none is."""
    recorded = job.spec.get("recorded") or {}
    refs = [recorded.get("reference")] if recorded else list(job.spec.get("samples") or ())
    return next((k for k, ref in enumerate(refs) if ref in PATIENT), None)


def draw(source: Source, trial: int, original: bool = True) -> None:
    """The name and the date of birth, of the original and of the newest reconstruction.

    original: False where only the reconstruction is wanted, as the original stands beside already.
    """
    place, kept = index(source.job), source.snapshots()
    images = source.snapshot(kept[-1]) if place is not None and kept else None
    truth = source.originals()
    if images is None or truth is None or place is None:
        return
    found = images[min(trial, len(images) - 1)]
    shown = [("Original", truth[place])] if original else []
    shown.append(("Reconstruction", found[_matched(source.job, place) % len(found)]))
    figures = "".join(
        f'<figure><figcaption>{title}</figcaption><img src="{pictures.uri(text(picture))}" alt="name and date of birth,'
        f' {title.lower()}"></figure>'
        for title, picture in shown
    )
    head = '<h4 class="gi-sub">Can you read the name? <small>the text in the picture, enlarged</small></h4>'
    st.html(f'{head}<div class="gi-legible">{figures}</div>')


def text(picture: np.ndarray) -> np.ndarray:
    """(H, W, C) uint8 -> the rows of the name above those of the date, enlarged smoothly to `WIDTH`: eyes read that better
    than squares."""
    height = len(picture)
    bands = [picture[round(top * height) : round(bottom * height)] for top, bottom in bundled.PATIENT_BANDS]
    rows = np.concatenate(bands)
    image = pictures.to_image(rows)
    scale = WIDTH / image.width
    return np.asarray(image.convert("RGB").resize((WIDTH, round(image.height * scale)), Image.Resampling.BICUBIC))


def _matched(job: Job, place: int) -> int:
    """The reconstruction that belongs to an original of a batch, once that was judged."""
    entries = (job.result or {}).get("per_image") or ()
    found = entries[place].get("matched") if place < len(entries) else None
    return place if found is None else int(found)
