"""Pictures of an answer, what is kept of their spectra, and how they would look at a noise level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from gi_core.analysis.influence import keeping, simulate
from gi_core.jobs.job import Job
from gi_core.numerics.spectrum import Spectrum
from gi_core.settings import SpecError
from gi_core.types.influence import read
from pages.influence.reading import Reading
from pages.shared import pictures
from pages.shared.session import store
from pages.shared.thumbnails import BLANK

Kept = tuple[Spectrum, keeping.Places, keeping.Vectors]


@st.cache_data(max_entries=256, show_spinner=False)
def _read(path: str, channels: int) -> np.ndarray | None:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.uint8)
    except (OSError, ValueError):
        return None
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def picture(job: Job, one: Reading) -> np.ndarray | None:
    """(H, W, C) uint8 as the network gets it."""
    answer = read(job.result)
    name, channels = one.found.get("picture"), answer["shape"][0] if answer else 3
    try:
        return _read(str(store().path(job.id) / Path(name).name), channels) if name else None
    except SpecError:
        return None


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept(key: str) -> Kept | None:
    return keeping.read(key)


def kept(one: Reading) -> Kept | None:
    """The picture's spectrum and directions, while they are kept."""
    found = _kept(one.numbers["key"])
    if found is None:
        _kept.clear()
    return found


@st.cache_data(max_entries=128, show_spinner=False)
def _unit(key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """The predicted error (C, H, W) at noise 1, of one draw: at other levels it is as many times as large."""
    found = keeping.read(key)
    if found is None:
        return None
    return simulate.simulated(*found, np.zeros(shape), 1.0)


def simulated(job: Job, one: Reading, sigma: float) -> np.ndarray | None:
    """(H, W, C) uint8: the picture with an error of the predicted size and shape, clamped for the eye."""
    truth = picture(job, one)
    if truth is None or one.error:
        return None
    pixels = truth.transpose(2, 0, 1) / 255
    error = _unit(one.numbers["key"], pixels.shape)
    if error is None:  # its spectrum gave way to others: spread the error evenly
        _unit.clear()
        error = np.random.default_rng(0).standard_normal(pixels.shape) * one.rmse(1.0)
    return to_bytes(pixels + sigma * error)


def to_bytes(pixels: np.ndarray) -> np.ndarray:
    """(C, H, W) in [0, 1] to (H, W, C) uint8."""
    return (pixels.transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8)


def src(pixels: np.ndarray | None) -> str:
    """The picture as a data URI."""
    return BLANK if pixels is None else pictures.uri(pixels)


def figures(*shown: tuple[np.ndarray | None, str, str]) -> str:
    """HTML of (picture, title, note) side by side; the words are ours, never a person's."""
    cells = "".join(
        f'<figure><img src="{src(pixels)}" alt="{title}"><figcaption><b>{title}</b>{note}</figcaption></figure>'
        for pixels, title, note in shown
    )
    return f'<div class="gi-figures">{cells}</div>'
