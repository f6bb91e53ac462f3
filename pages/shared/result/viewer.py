"""The pictures of a run: original, reconstruction, comparison, and their timeline."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import streamlit as st

from gi_core.jobs.job import Point
from pages.shared.pictures import montage, uri
from pages.shared.places import WEB
from pages.shared.result.source import Source, compared

_VIEWER = st.components.v2.component(
    "gi_viewer", html=(WEB / "viewer.html").read_text(), css=(WEB / "viewer.css").read_text(),
    js=(WEB / "difference.js").read_text() + (WEB / "viewer.js").read_text(),
)  # fmt: skip
LIVE_FRAMES, ALL_FRAMES = 16, 60
LIVE_PIXELS, ALL_PIXELS = 500_000, 4_000_000
_WORDS = {
    "original": "Original",
    "reconstruction": "Reconstruction",
    "compare": "Comparison",
    "slider": "Slider",
    "difference": "Difference",
    "dark": "black: equal",
    "divider": "Divider between original and reconstruction",
    "timeline": "Timeline of the attack",
    "iteration": "iteration",
    "live": "live",
    "play": "▶ Play",
    "pause": "❚❚ Stop",
    "follow": "↦ Live",
    "native": "the same at its native size",
    "hidden": "Hidden: the server never sees this.",
    "waiting": "No picture yet",
    "unknown": "Not known: nobody here has it.",
}


@st.cache_data(max_size="96MiB", show_spinner=False)
def frame(
    run: str, iteration: int, trial: int, picture: int | None, _source: Source, order: tuple[int, ...] | None = None
) -> str | None:
    """One trial at one iteration as a data URI: all pictures of the batch (in that order), or one of them."""
    images = _source.snapshot(iteration)
    if images is None:
        return None
    batch = images[min(trial, len(images) - 1)]
    return uri(select(batch[list(order)] if order else batch, picture))


@st.cache_data(max_size="16MiB", show_spinner=False)
def _original(run: str, picture: int | None, _source: Source) -> tuple[str, tuple[int, int], str] | None:
    """(data URI, (width, height) of the sheet, pixels of one picture)."""
    images = _source.originals()
    if images is None:
        return None
    sheet = select(images, picture)
    return uri(sheet), (sheet.shape[1], sheet.shape[0]), f"{images.shape[2]} × {images.shape[1]} px"


def select(images: np.ndarray, picture: int | None) -> np.ndarray:
    """(N, H, W, C) to one (h, w, C): a picture, or all of them tiled."""
    return montage(images) if picture is None else images[min(picture, len(images) - 1)]


def chosen(at: Sequence[int], most: int) -> list[int]:
    """At most `most` of the iterations, denser at the start where most happens; first and last stay."""
    if len(at) <= most:
        return list(at)
    places = np.unique(np.round((len(at) - 1) * np.linspace(0, 1, most) ** 1.4).astype(int))
    return [at[k] for k in places]


def draw(
    source: Source, points: Sequence[Point], trial: int, *, truth: bool, picture: int | None = None,
    live: bool = False, autoplay: bool = False, key: str = "viewer",
) -> None:  # fmt: skip
    """The viewer. trial: whose pictures. truth: False hides the original and all that needs it."""
    run = source.job.id
    kept = source.snapshots()
    frames = []
    # before the worker has read the picture nothing is kept, or the next look would not see it
    known = _original(run, picture, source) if kept or source.originals() is not None else None
    if known is None:
        _original.clear(run, picture, source)
    places = order(source) if truth else None
    for iteration in chosen(kept, _most(known[1] if known else (32, 32), live)):
        src = frame(run, iteration, trial, picture, source, places)
        if src is not None:
            frames.append({"i": iteration, "src": src, "note": _note(points, iteration, truth)})
    _VIEWER(
        key=key,
        data={
            "run": f"{run}/{trial}/{picture}",
            "frames": frames,
            "original": known[0] if known and truth else None,
            "size": known[1] if known else (32, 32),
            "pixels": known[2] if known else "",
            "hidden": not truth,
            "live": live,
            "autoplay": autoplay,
            "words": _WORDS,
        },
    )


def _most(size: tuple[int, int], live: bool) -> int:
    """How many frames a message may carry: fewer large ones."""
    room = (LIVE_PIXELS if live else ALL_PIXELS) // (size[0] * size[1])
    return max(4, min(LIVE_FRAMES if live else ALL_FRAMES, room))


def order(source: Source) -> tuple[int, ...] | None:
    """Which reconstruction belongs to each original of a batch, once that was judged."""
    ended = source.job.run_result
    matched: list[int] = [entry["matched"] for entry in ended["per_image"] if "matched" in entry] if ended else []
    count = compared(source.job)
    return tuple(matched) if count > 1 and sorted(matched) == list(range(count)) else None


def _note(points: Sequence[Point], iteration: int, truth: bool) -> str:
    """PSNR at a snapshot; the loss where the truth is hidden."""
    at = bisect_right([p.iteration for p in points], iteration) - 1
    if at < 0:
        return ""
    point = points[at]
    if truth and point.psnr is not None:
        return f"{point.psnr:.1f} dB"
    return f"loss {point.losses['total']:.2g}" if "total" in point.losses else ""
