"""Small copies of a person's whole pictures, to choose a part from. Only a worker decodes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gi_core.common.memory_limit import memory_limit
from gi_core.data.refs import resolve
from gi_core.data.views import View, split
from gi_core.experiments.picture_files import save_png
from gi_core.settings import SpecError

SIDE = 320


def whole(refs: list[str], folder: Path, stop: Callable[[], None]) -> dict[str, Any]:
    """files {ref: path of a PNG of 320 pixels at most, proportions kept}, sizes {ref: [width, height] in the file},
    ranges {ref: [low, high]} of values shown as black to white, where they are not plain eight bits, notices {ref:
    [sentence]}, missing {ref: sentence}. A crop in a reference is left out, its window kept.
    """
    found: dict[str, Any] = {"files": {}, "sizes": {}, "ranges": {}, "notices": {}, "missing": {}}
    for ref in refs:
        stop()
        try:
            name, view = split(ref)
            with memory_limit():
                sample = resolve(f"{name}{View(window=view.window)}")
        except SpecError as error:
            found["missing"][ref] = str(error)
            continue
        pixels = np.ascontiguousarray(sample.pixels)
        image = Image.fromarray(pixels).convert("RGB")
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        path = folder / f"whole-{hashlib.sha256(ref.encode()).hexdigest()[:16]}.png"
        save_png(path, np.asarray(image))
        found["files"][ref] = str(path)
        found["sizes"][ref] = list(sample.written or pixels.shape[1::-1])
        found["notices"][ref] = list(sample.notices)
        if sample.shown is not None:
            found["ranges"][ref] = list(sample.shown)
    return found
