"""Pictures of a run in its folder: one uint8 `.npy` per snapshot, whole or not there at all."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from gi_core.common import whole_files
from gi_core.common.disk import disk

MOST = 200
MOST_BYTES = 256 * 2**20
_NAME = re.compile(r"([0-9]{1,12})\.npy")


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a `.npy`, whole or not at all. Raises DiskFull."""
    whole_files.write(path, lambda file: np.save(file, array, allow_pickle=False))


def read_array(path: Path) -> np.ndarray | None:
    """The array of a `.npy`, never unpickled; None when there is none."""
    try:
        with open(path, "rb") as file:
            return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


class Snapshots:
    """The snapshots of one run, by iteration.

    At most `MOST` are kept, and at most `MOST_BYTES` of them: when there are more, every second
    one goes, but never the first or the last.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "snapshots"

    def iterations(self) -> list[int]:
        """Iterations that have a snapshot, ascending."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted(int(m.group(1)) for m in map(_NAME.fullmatch, names) if m)

    def path(self, iteration: int) -> Path:
        return self.folder / f"{int(iteration):08d}.npy"

    def read(self, iteration: int) -> np.ndarray | None:
        """(T, N, H, W, C) uint8, or None."""
        return read_array(self.path(iteration))

    def write(self, iteration: int, images: np.ndarray) -> list[int]:
        """Keep (T, N, H, W, C) uint8; returns the iterations now kept."""
        if images.dtype != np.uint8 or images.ndim != 5:
            raise TypeError("a snapshot is uint8 of shape (T, N, H, W, C)")
        with disk(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_array(self.path(iteration), images)
        kept = self.iterations()
        most = max(8, min(MOST, MOST_BYTES // max(1, images.nbytes)))
        while len(kept) > most:
            kept = self.thin(kept)
        return kept

    def thin(self, kept: list[int]) -> list[int]:
        """Drop every second one of those listed, the first and the last excepted."""
        stay = kept[:-1:2] + kept[-1:]
        for iteration in set(kept) - set(stay):
            self.path(iteration).unlink(missing_ok=True)
        return stay
