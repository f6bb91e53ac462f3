"""Can you read the name? The burnt-in text of the patient's picture, original beside reconstruction, enlarged.

No metric says whether a name can be read; a person can, so the rows that hold the text are shown large.
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image

from gi_core.data import bundled
from gi_core.jobs.job import Job
from gi_core.settings import ATTACKS
from pages.shared import pictures, words
from pages.shared.result import trials
from pages.shared.result.source import Source, StoredRun
from pages.shared.session import store

PATIENT = ("bundled/patient", "bundled/patient:0")
WIDTH = 512
SHOWN, MOST = 4, 200


def index(job: Job) -> int | None:
    """Which picture of the batch is the patient's; None when none is, or where a server fished for some of them."""
    if (job.spec.get("server") or {}).get("kind", "honest") != "honest":
        return None
    recorded = job.spec.get("recorded") or {}
    refs = [recorded.get("reference")] if recorded else list(job.spec.get("samples") or ())
    return next((k for k, ref in enumerate(refs) if ref in PATIENT), None)


def draw(source: Source, trial: int) -> None:
    """The name and the date of birth, of the original and of the newest reconstruction."""
    place, truth = index(source.job), source.originals()
    found = _crop(source, trial)
    if found is None or truth is None or place is None:
        return
    shown = [("Original", text(truth[place])), ("Reconstruction", found)]
    st.html(f"""<h4 class="gi-sub">Can you read the name? <small>the text in the picture, enlarged</small></h4>
        <div class="gi-legible">{"".join(_figure(*one) for one in shown)}</div>""")


def others(job: Job) -> None:
    """The same text as the newest finished run of each other attack shows it."""
    if index(job) is None or not job.over:
        return
    shown: dict[str, Job] = {}
    for one in store().jobs(states=("done",), limit=MOST):
        kind = _kind(one)
        if kind != _kind(job) and kind in ATTACKS and index(one) is not None:
            shown.setdefault(kind, one)
    figures = []
    for kind, one in list(shown.items())[:SHOWN]:
        found = _crop(StoredRun(store(), one), trials.best(one))
        figures += [_figure(ATTACKS[kind].title, found, words.question(one.spec))] if found is not None else []
    if figures:
        st.html(f"""<h4 class="gi-sub">The same by other attacks <small>the newest run of each here</small></h4>
            <div class="gi-legible gi-many">{"".join(figures)}</div>""")


def _crop(source: Source, trial: int) -> np.ndarray | None:
    """The text in the newest reconstruction."""
    place, kept = index(source.job), source.snapshots()
    images = source.snapshot(kept[-1]) if place is not None and kept else None
    if images is None or place is None:
        return None
    found = images[min(trial, len(images) - 1)]
    return text(found[_matched(source.job, place) % len(found)])


def _figure(title: str, picture: np.ndarray, hint: str = "") -> str:
    alt = f"name and date of birth, {title}"
    return (
        f'<figure title="{words.escape(hint)}"><figcaption>{words.escape(title)}</figcaption>'
        f'<img src="{pictures.uri(picture)}" alt="{words.escape(alt)}"></figure>'
    )


def _kind(job: Job) -> str:
    return str((job.spec.get("attack") or {}).get("kind", ""))


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
    entries = job.run_result["per_image"] if job.run_result else []
    found = entries[place].get("matched") if place < len(entries) else None
    return place if found is None else int(found)
