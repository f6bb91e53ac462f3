"""Public pictures that a client may mix its own with: bundled ones, which everybody has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.data import bundled
from gi_core.data.images import fit, to_float

_SEED = 200
"""Seed of the public crops: no training crop is among them."""
_TRIES = 20


def public_pictures(
    name: str, count: int, shape: tuple[int, int], channels: int, without: np.ndarray, draw: np.random.Generator
) -> np.ndarray:
    """float32 (count, C, H, W) in [0, 1], drawn from pool `name` (crops or faces), no two drawn alike.

    without: (N, C, H, W) in [0, 1], the private pictures, which are no public ones. Raises SpecError where the
    pool has not as many.
    """
    seen = {(picture * 255 + 0.5).astype(np.uint8).tobytes() for picture in without}
    chosen: list[np.ndarray] = []
    for pixels in _drawn(name, count, draw):
        picture = fit(pixels, shape, channels)
        if picture.tobytes() not in seen:
            chosen.append(picture)
        if len(chosen) == count:
            return to_float(np.stack(chosen))
    raise SpecError(
        f"there are {len(chosen)} public pictures to mix with, not {count}: mix fewer, or choose pool=crops"
    )


def _drawn(name: str, count: int, draw: np.random.Generator) -> Iterator[np.ndarray]:
    if name == "faces":
        yield from (bundled.faces()[k] for k in draw.permutation(bundled.FACES))
        return
    numbers = draw.choice(2**20, count + _TRIES, replace=False)
    yield from (bundled.crop(int(number), _SEED)[0] for number in numbers)
