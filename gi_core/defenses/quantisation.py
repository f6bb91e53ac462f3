"""g' = (clamp(round(g / s) + z, 0, 2^b - 1) - z) * s: each tensor on 2^b evenly spaced levels.

s = (hi - lo) / (2^b - 1) with lo = min(g, 0), hi = max(g, 0), and z = round(-lo / s), so zero stays
exactly zero (a pruned value stays pruned). One bit: g' = sign(g) * mean|g|, as in scaled signSGD
(Bernstein et al., ICML 2018).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gi_core.defenses.base import Defense

if TYPE_CHECKING:
    from gi_core.federated.types import Update


class Quantisation(Defense):
    """Server knows: the number of levels."""

    def filter_update(self, update: Update) -> Update:
        bits = self.settings.bits
        self.known["levels"] = 2**bits
        return replace(update, tensors={k: quantise(t, bits) for k, t in update.tensors.items()})


def quantise(tensor: Tensor, bits: int) -> Tensor:
    """A new tensor with at most 2^bits different values (and zero, for one bit)."""
    if bits == 1:
        return tensor.sign() * tensor.abs().mean()
    low, high = tensor.min().clamp(max=0), tensor.max().clamp(min=0)
    top = 2**bits - 1
    step = (high - low) / top
    if not step > 0:
        return tensor.clone()
    zero = torch.round(-low / step)
    return (torch.clamp(torch.round(tensor / step) + zero, 0, top) - zero) * step
