"""The files of a run's folder, once its result is known."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from gi_core.common import whole_files
from gi_core.experiments.picture_files import save_png, sheet, thumbnail
from gi_core.jobs.job import Point
from gi_core.jobs.rows import encode
from gi_core.metrics.registry import LIVE
from gi_core.types.result import Result


def write(
    folder: Path,
    document: Result,
    images: np.ndarray,
    originals: np.ndarray | None,
    points: list[Point],
) -> None:
    """result.json, reconstruction.npz, the PNGs and history.csv. Raises DiskFull."""
    pixels = np.clip(np.nan_to_num(images), 0, 1).astype(np.float32)
    arrays = {"images": pixels}
    if originals is not None:
        arrays["originals"] = originals.astype(np.float32)
    whole_files.write(folder / "reconstruction.npz", lambda file: np.savez_compressed(file, **arrays))
    save_png(folder / "reconstruction.png", sheet(pixels))
    pair = [pixels[0]]
    if originals is not None:
        save_png(folder / "original.png", sheet(originals))
        pair.insert(0, originals[0])
    save_png(folder / "thumbnail.png", np.concatenate([thumbnail(p) for p in pair], axis=1))
    whole_files.write_text(folder / "history.csv", _history(points))
    whole_files.write_text(folder / "result.json", encode(document))


def _history(points: list[Point]) -> str:
    names = sorted({name for p in points for name in p.losses})
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["iteration", "seconds", "rate", "best_trial", *names, *LIVE])
    for p in points:
        losses = [p.losses.get(name, "") for name in names]
        quality = ["" if v is None else v for v in (getattr(p, name) for name in LIVE)]
        table.writerow([p.iteration, f"{p.seconds:.4f}", p.rate, p.best, *losses, *quality])
    return text.getvalue()
