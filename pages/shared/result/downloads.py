"""Files of a run, made when they are asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import streamlit as st

from pages.shared.pictures import enlarge, png, to_image
from pages.shared.result.source import Source, StoredRun
from pages.shared.result.viewer import select

GIF_SIDE, GIF_FRAMES, GIF_SECONDS = 320, 60, 6.0


def picture(source: Source, trial: int, truth: bool) -> bytes:
    """PNG: original (unless hidden) and last reconstruction side by side, enlarged without blur."""
    last = source.snapshot(source.snapshots()[-1])
    parts = [select(last[trial], None)] if last is not None else []
    originals = source.originals()
    if truth and originals is not None:
        parts.insert(0, select(originals, None))
    return png(np.concatenate([_framed(enlarge(part, GIF_SIDE)) for part in parts], axis=1))


def animation(source: Source, trial: int) -> bytes:
    """GIF of the timeline, about six seconds, resting on the last frame."""
    kept = source.snapshots()
    places = np.unique(np.linspace(0, len(kept) - 1, min(len(kept), GIF_FRAMES)).round().astype(int))
    frames = []
    for place in places:
        images = source.snapshot(kept[place])
        if images is not None:
            frames.append(to_image(enlarge(select(images[trial], None), GIF_SIDE)).convert("RGB"))
    pace = int(1000 * GIF_SECONDS / len(frames))
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], loop=0,
        duration=[pace] * (len(frames) - 1) + [2000],
    )  # fmt: skip
    return buffer.getvalue()


def draw(source: Source, trial: int, truth: bool) -> None:
    """Buttons, each lazy; nothing is computed before the click."""
    if not source.snapshots():
        st.caption("There is nothing to save before the first picture.")
        return
    with st.grid(2, min_column_width=200, gap="xsmall"):
        _buttons(source, trial, truth)


def _buttons(source: Source, trial: int, truth: bool) -> None:
    job = source.job
    _button("Picture (PNG)", lambda: picture(source, trial, truth), f"{job.id}.png", "image/png")
    _button("Timeline (GIF)", lambda: animation(source, trial), f"{job.id}.gif", "image/gif")
    if isinstance(source, StoredRun) and truth:
        folder = source.store.path(job.id)
        if (folder / "reconstruction.npz").is_file():
            _button(
                "Numbers (npz)", lambda: (folder / "reconstruction.npz").read_bytes(), f"{job.id}.npz",
                "application/zip",
            )  # fmt: skip
    document = {"experiment": job.spec, "result": job.result if truth else None}
    _button(
        "Experiment and result (JSON)", lambda: json.dumps(document, indent=1), f"{job.id}.json", "application/json"
    )


def _button(label: str, make: Callable[[], bytes | str], name: str, mime: str) -> None:
    st.download_button(
        label, make, f"gradient-inversion-{name}", mime, key=f"get_{mime}", on_click="ignore",
        icon=":material/download:", width="stretch",
    )  # fmt: skip


def _framed(pixels: np.ndarray) -> np.ndarray:
    """RGB with a white rim."""
    colour = pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)
    return np.pad(colour, ((8, 8), (8, 8), (0, 0)), constant_values=255)
