"""Small pictures of samples: committed ones, or made by a worker, which alone decodes other files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from gi_core.data.types import SampleInfo
from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from pages.shared.pictures import data_uri
from pages.shared.places import ASSETS
from pages.shared.session import store, viewer

_FOLDER = ASSETS / "samples"
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


def refused(refs: Iterable[str]) -> dict[str, str]:
    """Which of these references, asked for together, a worker could not read, each with its sentence."""
    found: dict[str, str] = {}
    for number in st.session_state.get(_ASKED, ()):
        job = store().job(number)
        found |= (job.result or {}).get("missing") or {} if job is not None else {}
    return {ref: found[ref] for ref in refs if ref in found}


@dataclass(frozen=True)
class Whole:
    """A person's picture, whole. path: a PNG that a worker made. size: (width, height) in the file. shown: its values that

    are black and white, or None for eight bits. said: what was done to it.
    """

    path: Path
    size: tuple[int, int]
    shown: tuple[float, float] | None
    said: tuple[str, ...]


def whole(ref: str) -> Whole | None:
    """The picture without its crop; None until a worker has made it small, or where it could not."""
    job = _job((ref,), whole=True)
    made = (job.result or {}) if job is not None and job.state == "done" else {}
    if ref not in made.get("files", {}):
        return None
    shown = made["ranges"].get(ref)
    return Whole(
        Path(made["files"][ref]), tuple(made["sizes"][ref]), tuple(shown) if shown else None,
        tuple(made["notices"][ref]),
    )  # fmt: skip


def awaited() -> bool:
    """Whether a worker still makes some."""
    jobs = [store().job(number) for number in st.session_state.get(_ASKED, ())]
    return any(job is not None and not job.over for job in jobs)


def _job(refs: tuple[str, ...], whole: bool = False) -> Job | None:
    """The worker's job for these references, asked for once."""
    key = ("whole:" if whole else "") + hashlib.sha256("\n".join(refs).encode()).hexdigest()[:16]
    more = {"whole": True} if whole else {}
    try:
        number = store().submit(
            "thumbnails", {"samples": list(refs), "size": None, **more}, owner=viewer() or "",
            cache_key="thumbnails:" + key,
        )  # fmt: skip
    except SpecError:
        return None
    asked = st.session_state.get(_ASKED, ())
    st.session_state[_ASKED] = (*(n for n in asked if n != number), number)[-4:]
    return store().job(number)
