"""g' = (clamp(round(g / s) + z, 0, 2^b - 1) - z) * s: each tensor on 2^b evenly spaced levels.

s = (hi - lo) / (2^b - 1) with lo = min(g, 0), hi = max(g, 0), and z = round(-lo / s), so zero stays
exactly zero (a pruned value stays pruned). One bit: g' = sign(g) * mean|g|, as in scaled signSGD
(Bernstein et al., ICML 2018).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gi_core.defenses.base import Defense, Sent
from gi_core.types.updates import Update


class Quantisation(Defense):
    """Server knows: the number of levels, and the width of each tensor's cells (steps; one bit has none, but signs)."""

    def filter_update(self, update: Update) -> Update:
        bits = self.settings.bits
        self.known["levels"] = 2**bits
        if bits > 1:
            self.known["steps"] = {k: float(_grid(t, bits)[0]) for k, t in update.tensors.items()}
        return replace(update, tensors={k: quantise(t, bits) for k, t in update.tensors.items()})

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        bits = settings.bits
        steps = {name: _width(t, bits) for name, t in sent.update.tensors.items()}
        return {"levels": 2**bits} | ({"steps": steps} if bits > 1 else {})


def quantise(tensor: Tensor, bits: int) -> Tensor:
    """A new tensor with at most 2^bits different values (and zero, for one bit)."""
    if bits == 1:
        return tensor.sign() * tensor.abs().mean()
    step, low = _grid(tensor, bits)
    top = 2**bits - 1
    if not step > 0:
        return tensor.clone()
    zero = torch.round(-low / step)
    return (torch.clamp(torch.round(tensor / step) + zero, 0, top) - zero) * step


def _grid(tensor: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """(s, lo) of a tensor."""
    low, high = tensor.min().clamp(max=0), tensor.max().clamp(min=0)
    return (high - low) / (2**bits - 1), low


def _width(values: Tensor, bits: int) -> float:
    """Width of the cells: the range over 2^b - 1, or over 2^b - 2 where an end was rounded away; whichever divides all values."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    most = 2**bits - 1
    widths = [(high - low) / count for count in (most, most - 1) if count]
    levels = torch.unique(values.detach().double())

    def odd(width: float) -> float:
        cells = levels / (width or 1.0)
        return float((cells - cells.round()).abs().max())

    return min(widths, key=odd)
