"""The layers of a recursion as they are recovered: numbers for the store, previews as pictures in the run's folder."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from gi_core.attacks.base import LayerReport
from gi_core.common import whole_files
from gi_core.experiments.picture_files import save_png
from gi_core.jobs.rows import encode, finite
from gi_core.types.result_parts import Layer

MOST_MAPS, GAP = 64, 1
MOST_SIDE = 256


class Layers:
    """The layers of one run, deepest first; kept in `layers/` of its folder, so that a resumed run has the earlier ones."""

    def __init__(self, folder: Path, iteration: int) -> None:
        self.folder = folder / "layers"
        self.found: list[Layer] = self._read()[:iteration]

    def _read(self) -> list[Layer]:
        try:
            found = json.loads((self.folder / "layers.json").read_text())
            return found if isinstance(found, list) else []
        except (OSError, ValueError, RecursionError):
            return []

    def take(self, report: LayerReport) -> None:
        """Add a layer and its preview. Raises DiskFull."""
        self.folder.mkdir(exist_ok=True)
        name = f"layers/{len(self.found):02d}.png"
        save_png(self.folder.parent / name, montage(report.preview.numpy()))
        layer: Layer = {
            "name": report.name, "route": report.route, "unknowns": report.unknowns, "rank": report.rank,
            "deficiency": report.deficiency, "condition": report.condition, "residual": report.residual,
            "error": report.error, "note": report.note, "shape": list(report.preview.shape), "preview": name,
        }  # fmt: skip
        self.found.append(finite(layer))
        whole_files.write_text(self.folder / "layers.json", encode(self.found))


def montage(values: np.ndarray) -> np.ndarray:
    """Feature maps (C, H, W) or a vector (D,) as uint8 (h, w, 3): grey tiles on one scale; 1 or 3 maps as a picture.

    The scale runs from the 1st to the 99th percentile of the layer.
    """
    low, high = np.nanpercentile(values, (1, 99)) if np.isfinite(values).any() else (0.0, 1.0)
    scaled = np.nan_to_num((values - low) / max(high - low, 1e-12)).clip(0, 1)
    if scaled.ndim == 1:
        width = math.ceil(math.sqrt(scaled.size))
        scaled = np.pad(scaled, (0, -scaled.size % width)).reshape(1, -1, width)
    pixels = (scaled * 255).round().astype(np.uint8)
    if len(pixels) == 3:
        return pixels.transpose(1, 2, 0)
    tiles = pixels[:MOST_MAPS]
    n, h, w = tiles.shape
    columns = math.ceil(math.sqrt(n))
    page = np.full((math.ceil(n / columns) * (h + GAP) - GAP, columns * (w + GAP) - GAP), 128, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (h + GAP), (i % columns) * (w + GAP)
        page[top : top + h, left : left + w] = tile
    return np.repeat(page[:, :, None], 3, axis=2)
