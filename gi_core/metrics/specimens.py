"""Pictures at the thresholds of the words: bundled ones, damaged just so much that one word becomes the next. No torch.

A damage of strength t in [0, 1] gives y(t), with y(0) the original. The strength is found by halving, so that SSIM lies just above or
just below a threshold. Noise is drawn once from a fixed seed, so that a picture does not change from one visit to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gi_core.data import bundled
from gi_core.data.images import fit, to_float
from gi_core.data.pool import candidates
from gi_core.metrics.matching import retrieval
from gi_core.metrics.pixels import mse, ssim
from gi_core.metrics.protocol import likeness
from gi_core.metrics.registry import METRICS
from gi_core.metrics.words import Said, said
from gi_core.settings import Experiment

Damage = Callable[[np.ndarray, float], np.ndarray]
"""(original (C, H, W) in [0, 1], strength in [0, 1]) -> picture."""
STEPS = 10
"""Halvings: SSIM is then within about 0.005 of what was asked, which is half of `BESIDE`."""
BESIDE = 0.01
"""How far above or below a threshold a specimen lies."""
SHOWN = (("bundled/chelsea", 64), ("bundled/faces:3", 25), ("bundled/astronaut", 32))


@dataclass(frozen=True)
class Specimen:
    """title: what was done to it. original, picture: (C, H, W) in [0, 1]. entry: its measurements, as a result has them."""

    title: str
    original: np.ndarray
    picture: np.ndarray
    entry: dict[str, Any]

    @property
    def said(self) -> Said:
        """What the rule says of it."""
        return said(self.entry)


def blur(x: np.ndarray, t: float) -> np.ndarray:
    """A Gaussian blur of up to a quarter of the picture."""
    from scipy.ndimage import gaussian_filter

    side = 0.25 * t**2 * x.shape[-1]
    blurred: np.ndarray = gaussian_filter(x, (0, side, side))
    return blurred


def noise(x: np.ndarray, t: float) -> np.ndarray:
    """Gaussian noise of standard deviation up to 1."""
    drawn: np.ndarray = x + t**2 * np.random.default_rng(0).standard_normal(x.shape)
    return drawn.clip(0, 1)


def mixture(x: np.ndarray, t: float) -> np.ndarray:
    """A sum with another picture, as an attack on a batch may give."""
    other = to_float(fit(bundled.picture("coffee"), x.shape[-2:], len(x)))
    mixed: np.ndarray = (1 - t) * x + t * other
    return mixed


def tone(x: np.ndarray, t: float) -> np.ndarray:
    """Contrast lost, and grey in its place."""
    flat: np.ndarray = (1 - t) * x + 0.75 * t
    return flat


DAMAGES: dict[str, Damage] = {"Blurred": blur, "Behind noise": noise, "Mixed with another": mixture}


def at_thresholds() -> list[tuple[str, list[Specimen]]]:
    """For each threshold, from the clearest: a heading and specimens on either side of it, a damage and picture each."""
    limits = METRICS["ssim"].thresholds
    found: list[tuple[str, list[Specimen]]] = []
    for name, heading in (("seen", "Seen, just"), ("trace", "Traces, just")):
        for side, where in ((BESIDE, heading), (-BESIDE, heading.replace(", just", "") + ", just missed")):
            level = limits[name] + side
            found.append((where, [s for (ref, size) in SHOWN for s in _damaged(ref, size, level)]))
    return found


def errors() -> list[Specimen]:
    """Where the rule errs: what it calls too little comes first, then what it calls too much."""
    large, face, dark = (
        _original("bundled/astronaut", 128),
        _original("bundled/faces:3", 25),
        _original("bundled/rocket", 128),
    )
    cat = _original("bundled/chelsea", 64)
    moved = np.roll(cat, (2, 2), (1, 2))
    half = dark.copy()
    half[:, :, half.shape[-1] // 2 :] = 0.5
    return [
        _specimen("Noise on a large picture", "bundled/astronaut", 128, large, noise(large, 0.72)),
        _specimen("Moved by two pixels", "bundled/chelsea", 64, cat, moved),
        _specimen("Half of a smooth picture", "bundled/rocket", 128, dark, half),
        _specimen(
            "A face without features",
            "bundled/faces:3",
            25,
            face,
            _at(face, blur, METRICS["ssim"].thresholds["seen"] + BESIDE),
        ),
        _specimen(
            "Covered by another",
            "bundled/chelsea",
            64,
            cat,
            _at(cat, mixture, METRICS["ssim"].thresholds["seen"] + BESIDE),
        ),
    ]


def apart() -> list[Specimen]:
    """Seen and not found, found and not seen: that neither word follows from the other."""
    cat = _original("bundled/chelsea", 64)
    pale = _at(cat, tone, METRICS["ssim"].thresholds["seen"] + BESIDE)
    hidden = noise(cat, 0.7)
    return [
        _specimen("Pale: any grey picture is nearer", "bundled/chelsea", 64, cat, pale),
        _specimen("Noise: it is still nearest", "bundled/chelsea", 64, cat, hidden),
    ]


def _damaged(ref: str, size: int, level: float) -> Iterator[Specimen]:
    original = _original(ref, size)
    for title, damage in DAMAGES.items():
        yield _specimen(title, ref, size, original, _at(original, damage, level))


def _at(original: np.ndarray, damage: Damage, level: float) -> np.ndarray:
    """The picture whose SSIM is that level, by halving: SSIM falls with the strength."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        value = ssim(damage(original, middle), original)
        low, high = (middle, high) if value is not None and value > level else (low, middle)
    return damage(original, (low + high) / 2)


def _original(ref: str, size: int) -> np.ndarray:
    name, _, index = ref.removeprefix("bundled/").partition(":")
    pixels = bundled.faces()[int(index)] if index else bundled.picture(name)
    return to_float(fit(pixels, (size, size), 1 if pixels.ndim == 2 else 3))


def _specimen(title: str, ref: str, size: int, original: np.ndarray, picture: np.ndarray) -> Specimen:
    rank, _, many = retrieval(picture, original, _pool(ref, size))
    entry = {
        "mse": mse(picture, original), **likeness(picture, original), "iip_rank": rank, "iip_candidates": many
    }  # fmt: skip
    return Specimen(title, original, picture, entry)


@lru_cache(maxsize=8)
def _pool(ref: str, size: int) -> np.ndarray:
    return candidates(Experiment(samples=(ref,), size=size))
