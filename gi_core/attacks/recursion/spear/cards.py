"""What each card of the attack shows: the spectrum, the masks, and what comes out of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gi_core.attacks.base import LayerReport
from gi_core.attacks.recursion.spear import drawing
from gi_core.attacks.recursion.spear.given import Given
from gi_core.attacks.recursion.spear.search import Search
from gi_core.attacks.recursion.spear.unmixing import Unmixed

SHOWN = 32
"""Singular values that are drawn, at least."""


def rank(given: Given) -> LayerReport:
    """The singular values, and the pictures that they tell of."""
    r, images = given.reading, given.update.images
    b, largest = len(r.s), float(r.s[0])
    words = f"rank {r.read} above the noise at {r.floor / largest:.0e}: this gradient mixes {r.read} picture{'s' * (r.read != 1)}"
    if r.saturated:
        words = f"the rank is full at {r.read}, so it says no more than that there may be more pictures"
    if given.settings.batch is not None and b != r.read:
        words += f"; {b} {'is' if b == 1 else 'are'} looked for, as was asked"
    words += f". Noise is {r.share:.0e} of it, and S{b} is {r.gap:.0e} times S{b + 1}"
    return LayerReport(
        name=given.layer.name, route="gradient" if b >= images else "under-determined", unknowns=images, rank=min(b, images),
        deficiency=max(0, images - b), condition=float(r.s[0] / r.s[-1]), residual=r.share, error=r.share * float(largest / r.s[-1]),
        preview=drawing.spectrum(r.spectrum, r.floor, max(SHOWN, 2 * b)), note=words,
    )  # fmt: skip


def directions(search: Search, found: dict[str, Any]) -> LayerReport:
    """How many units are off by each direction, and how many directions there are."""
    b, have = search.b, len(found["q"])
    sieve = search.sieves[-1]
    least, most = (int(found["zeros"].min()), int(found["zeros"].max())) if have else (0, 0)
    units = len(sieve.u)
    return LayerReport(
        name="directions", route="joint" if have == b else "under-determined", unknowns=b, rank=have, deficiency=b - have,
        condition=1.0, residual=0.0, error=0.0, preview=drawing.histogram(found["zeros"], sieve.need, units),
        note=f"{have} of {b} directions, with {least} to {most} of {units} units off; the line is the least that counts,"
        f" {sieve.need:.0f}",
    )  # fmt: skip


def masks(unmixed: Unmixed) -> LayerReport:
    """Which unit is off for which picture."""
    b = unmixed.off.shape[1]
    wrong = 1 - unmixed.agreed
    return LayerReport(
        name="masks", route="joint", unknowns=unmixed.off.numel(), rank=round(unmixed.agreed * unmixed.off.numel()),
        deficiency=0, condition=1.0, residual=wrong * wrong, error=wrong, preview=drawing.masks(unmixed.off),
        note=f"a band for each of {b} pictures, a column for a unit, dark where it is off: {100 * unmixed.agreed:.4g} % agree with the"
        " pictures that follow",
    )  # fmt: skip


def pictures(given: Given, unmixed: Unmixed, found: Tensor) -> LayerReport:
    """The pictures side by side."""
    b, n = unmixed.x.shape
    columns = max(1, round(b**0.5))
    rows = -(-b // columns)
    sheet = torch.full((rows * columns, *found.shape[1:]), 0.5, dtype=found.dtype)
    sheet[:b] = found.clamp(0, 1)
    sheet = sheet.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
    return LayerReport(
        name="pictures", route="gradient", unknowns=b * n, rank=b * n, deficiency=0, condition=1.0, residual=unmixed.residual,
        error=given.reading.share, preview=sheet.float(),
        note="scale and sign of each by the bias" if unmixed.scaled else "sign of each by its mask, brightness by its range",
    )  # fmt: skip


def features(given: Given, unmixed: Unmixed) -> LayerReport:
    """What enters the dense layer, of each picture."""
    b, n = unmixed.x.shape
    return LayerReport(
        name="features", route="gradient", unknowns=b * n, rank=b * n, deficiency=0, condition=1.0, residual=unmixed.residual,
        error=given.reading.share, preview=unmixed.x.reshape(b, -1)[None].float(),
        note=f"{n} features of each of {b} pictures, exactly; each picture is searched from its own",
    )  # fmt: skip
