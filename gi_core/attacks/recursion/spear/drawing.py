"""Small pictures for the cards: bars with a line across, and the mask of a batch, (1, h, w) in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

SIDE = 96
BAR, LINE = 1.0, 0.55
DECADES = 18.0
"""Decades below the largest value that bars of a spectrum reach."""


def spectrum(values: Tensor, floor: float, most: int) -> Tensor:
    """Logarithms of the first `most` singular values as bars, the noise floor as a line."""
    share = (values[:most] / values[0]).clamp_min(10.0**-DECADES).log10()
    line = torch.tensor(floor / float(values[0])).clamp_min(10.0**-DECADES).log10()
    return _bars(1 + share / DECADES, 1 + float(line) / DECADES)


def histogram(zeros: Tensor, need: float, units: int) -> Tensor:
    """How many directions have how many zeros, of 0 to all units; the least number that counts as an upright line."""
    counts = torch.histc(zeros.double(), bins=SIDE // 3, min=0.0, max=float(units))
    drawn = _bars(counts / counts.max().clamp_min(1.0), None)
    at = min(SIDE - 1, int(SIDE * need / max(units, 1)))
    drawn[0, :, at] = torch.maximum(drawn[0, :, at], torch.tensor(LINE))
    return drawn


def masks(off: Tensor) -> Tensor:
    """off (m, b): a band for each picture, a column for each of the first units that differ; white is on."""
    differs = off.any(1) & ~off.all(1)
    chosen = off[differs][:SIDE]
    if not len(chosen):
        return torch.zeros(1, SIDE, SIDE)
    height = max(1, SIDE // off.shape[1])
    return (~chosen).T.double().repeat_interleave(height, 0).float()[None]


def _bars(heights: Tensor, line: float | None) -> Tensor:
    """heights in [0, 1] from left to right."""
    drawn = torch.zeros(1, SIDE, SIDE)
    width = max(1, SIDE // max(1, len(heights)))
    for k, height in enumerate(heights[: SIDE // width].clamp(0, 1)):
        top = SIDE - round(float(height) * (SIDE - 1)) - 1
        drawn[0, top:, k * width : (k + 1) * width - (width > 2)] = BAR
    if line is not None:
        at = SIDE - round(min(max(line, 0.0), 1.0) * (SIDE - 1)) - 1
        drawn[0, at] = torch.where(drawn[0, at] > 0, LINE / 2, LINE)
    return drawn
