"""Small pictures of samples: committed ones, or made by a worker, which alone decodes other files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import streamlit as st

from gi_core.data.types import SampleInfo
from gi_core.runs.job import Job
from gi_core.spec import SpecError
from pages.components.pictures import data_uri
from pages.components.session import store, viewer

_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "samples"
BLANK = data_uri(
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" fill="#8a949e"/>'
    b'<path d="M10 36l9-12 7 8 5-6 8 10z" fill="#fff"/><circle cx="32" cy="16" r="4" fill="#fff"/></svg>',
    "image/svg+xml",
)
_ASKED = "thumbnails.asked"


@lru_cache(maxsize=1024)
def _read(path: Path) -> str:
    try:
        return data_uri(path.read_bytes())
    except OSError:
        return BLANK


def sources(infos: Iterable[SampleInfo], refs: Iterable[str]) -> dict[str, str]:
    """A data URI for every sample: of those listed, and of references that are not."""
    found = {i.ref: _read(_FOLDER / i.thumbnail) for i in infos if i.thumbnail}
    others = tuple(sorted({*(i.ref for i in infos), *refs} - set(found)))
    job = _job(others) if others else None
    made = (job.result or {}).get("files", {}) if job is not None and job.state == "done" else {}
    return {**found, **{ref: _read(Path(made[ref])) if ref in made else BLANK for ref in others}}


def awaited() -> bool:
    """Whether a worker still makes some."""
    jobs = [store().job(number) for number in st.session_state.get(_ASKED, ())]
    return any(job is not None and not job.over for job in jobs)


def _job(refs: tuple[str, ...]) -> Job | None:
    """The worker's job for these references, asked for once."""
    key = hashlib.sha256("\n".join(refs).encode()).hexdigest()[:16]
    try:
        number = store().submit(
            "thumbnails", {"samples": list(refs), "size": None}, owner=viewer() or "", cache_key="thumbnails:" + key
        )
    except SpecError:
        return None
    asked = st.session_state.get(_ASKED, ())
    st.session_state[_ASKED] = (*(n for n in asked if n != number), number)[-4:]
    return store().job(number)
