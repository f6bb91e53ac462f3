"""Spectra kept in GI_HOME/spectra by what decides them: weights, picture, label, loss. The oldest give way.

Reading needs no torch.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gi_core.common.paths import home
from gi_core.common.whole_files import replace
from gi_core.numerics.spectrum import Array, Spectrum

if TYPE_CHECKING:
    from torch import Tensor

    from gi_core.types.updates import Knowledge

Places = NDArray[np.intp]
Vectors = NDArray[np.float32]
MOST_BYTES = 256 * 2**20
MOST_VECTORS = 1024
"""Eigenvectors kept: all of a small picture's, else so many, evenly by rank."""
_NAME = "{}.npz"


def key(knowledge: Knowledge, x: Tensor, labels: Tensor, exact_within: float) -> str:
    """Content hash of everything that the spectrum depends on."""
    digest = hashlib.sha256(f"2 {knowledge.loss} {tuple(x.shape)} {exact_within:g}".encode())
    for tensor in (*knowledge.model.state_dict().values(), x, labels):
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    digest.update(repr([type(m).__name__ for m in knowledge.model.modules()]).encode())
    return digest.hexdigest()[:24]


def valid(name: object) -> bool:
    """Whether it is a key, and so may name a file."""
    return isinstance(name, str) and re.fullmatch(r"[0-9a-f]{24}", name) is not None


def read(name: str) -> tuple[Spectrum, Places, Vectors] | None:
    """(spectrum, places of the kept eigenvectors, eigenvectors (d, kept) float32), or None."""
    if not valid(name):
        return None
    try:
        with np.load(_folder() / _NAME.format(name), allow_pickle=False) as file:
            about = file["about"]
            spectrum = Spectrum(
                file["values"], file["weights"], file["energy"], tuple(float(s) for s in file["std"]),
                bool(about[0]), float(about[1]), int(about[2]), float(about[3]),
                float(about[4]) if len(about) > 4 and np.isfinite(about[4]) else None,
            )  # fmt: skip
            os.utime(_folder() / _NAME.format(name))
            return spectrum, file["places"], file["vectors"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def write(name: str, spectrum: Spectrum, vectors: Array | None) -> tuple[Places, Vectors]:
    """Keep a spectrum and its eigenvectors; what was kept of them. A full disk keeps nothing and says nothing."""
    d = len(spectrum.values)
    count = 0 if vectors is None else min(d, MOST_VECTORS)
    places = np.unique(np.linspace(0, d - 1, count).round().astype(int))
    kept = np.zeros((d, 0), np.float32) if vectors is None else vectors[:, places].astype(np.float32)
    about = np.array([spectrum.exact, spectrum.norm, spectrum.parameters, spectrum.spread,
                      np.nan if spectrum.rounded is None else spectrum.rounded], float)  # fmt: skip
    folder = _folder()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / _NAME.format(name), lambda file: np.savez(
            file, values=spectrum.values, weights=spectrum.weights, energy=spectrum.energy, std=np.array(spectrum.std),
            about=about, places=places, vectors=kept,
        ))  # fmt: skip
        _prune(folder)
    return places, kept


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("*.npz"), key=lambda f: f.stat().st_mtime, reverse=True)
    used = 0
    for file in files:
        used += file.stat().st_size
        if used > MOST_BYTES:
            file.unlink(missing_ok=True)


def _folder() -> Path:
    return home() / "spectra"
