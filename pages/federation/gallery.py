"""What the server read from each attacked client, round by round, beside what the client has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from gi_core.experiments.federation import opening
from gi_core.jobs.job import Job
from gi_core.metrics import claims
from gi_core.metrics.words import exact, of_several
from gi_core.settings import SpecError
from pages.federation.reading import Found
from pages.shared import link, telling, words
from pages.shared.pictures import uri
from pages.shared.result import charts
from pages.shared.session import store
from pages.shared.thumbnails import BLANK

MOST = 8
"""Rounds shown of a client: the first, the last, and some between."""


@st.cache_data(max_entries=512, show_spinner=False)
def _read(path: str, changed: float) -> str:
    """A picture of the job's folder as a data URI."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return uri(np.asarray(image.convert("RGB"), np.uint8))
    except (OSError, ValueError):
        return BLANK


def source(folder: Path, name: str | None) -> str:
    """The picture of that name, a blank one while it is not there."""
    path = folder / Path(name or "none").name
    return _read(str(path), path.stat().st_mtime) if path.is_file() else BLANK


def chosen(entries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """At most `MOST` of the rounds, evenly spaced."""
    if len(entries) <= MOST:
        return entries
    return [entries[k] for k in np.unique(np.linspace(0, len(entries) - 1, MOST).round().astype(int))]


def draw(job: Job, found: Found) -> None:
    """A row for each attacked client."""
    try:
        folder = store().path(job.id)
    except SpecError:
        return
    for client in found.clients():
        charts.heading(words.escape(found.about(client)), "above: what it has; below: what came back")
        with st.grid("auto", min_column_width=150, gap="small", key=f"federation_row_{client}"):
            for one in chosen(found.leaks(client)):
                _one(job, folder, one)


def _one(job: Job, folder: Path, one: Mapping[str, Any]) -> None:
    with st.container(gap="xsmall", key=f"federation_{one['client']}_{one['round']}"):
        title = f"Round {one['round']}"
        if "error" in one:
            st.html(
                f'<figure class="gi-pair"><figcaption><b>{title}</b>{words.escape(telling.sentence(one["error"]))}</figcaption></figure>'
            )
            return
        shown, name = one.get("shown") or {}, f"client {one['client']}, round {one['round']}"
        st.html(
            f'<figure class="gi-pair"><img src="{source(folder, shown.get("original"))}" alt="Original, {name}">'
            f'<img src="{source(folder, shown.get("found"))}" alt="Reconstruction, {name}">'
            f"<figcaption><b>{title}</b>{words.escape(_figures(one))}</figcaption></figure>"
        )
        experiment = (one.get("files") or {}).get("experiment")
        if experiment and st.button(
            "Open in the lab", key=f"open_{one['client']}_{one['round']}", icon=":material/science:", type="tertiary",
            help="The recorded update, ready to be attacked again with any attack.",
        ):  # fmt: skip
            _open(folder, experiment)


def _figures(one: Mapping[str, Any]) -> str:
    if one.get("rdlv_mean") is None:
        return telling.sentence(one.get("note") or "nothing to compare")
    name = "RDLV" if one["measure"] == "rdlv" else "SSIM"
    psnr = "" if one.get("psnr") is None else f" · {one['psnr']:.1f} dB"
    words_ = claims.sentence(one["words"]) if "words" in one else of_several(one.get("per_image") or [one]).label
    return f"{name} {one['rdlv_mean']:.2f}{psnr} · {words_}{_some(one.get('per_image') or ())}"


def _some(pictures: Sequence[Mapping[str, Any]]) -> str:
    """How many came back exactly, where that is not so of all: the words are those of the batch's best."""
    count = sum(exact(picture) for picture in pictures)
    return f"; {count} of {len(pictures)} exact" if 0 < count < len(pictures) else ""


def _open(folder: Path, name: str) -> None:
    try:
        experiment = opening.for_browser(folder, name)
    except SpecError as error:
        telling.problem(error)
        return
    st.switch_page("pages/lab/page.py", query_params={"experiment": link.encode(experiment)})
