"""Sums over millions of entries: float32 within short runs, float64 over the runs.

A float32 sum of n terms one after another is off by up to n eps / 2: over the 11 million values of a ResNet-18's gradient
the cosine of a gradient with itself came out 6e-4 below 1. Over runs of R it is off by R eps / 2 at worst, and measured
by 1e-9 to 1e-8 at 11 and 86 million values, at the cost of one pass over memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

RUN, ROW = 16384, 4096
"""Entries of one dot product, and of one norm."""
SMALL = 65536
"""Tensors below this many entries share one block: a handful of calls, not a handful for each of a hundred."""


def wide(t: Tensor) -> Tensor:
    """float64, where the device has it."""
    return t if t.device.type == "mps" else t.double()


def dot(a: Tensor, b: Tensor) -> Tensor:
    """sum_i a_i b_i of each row, (T, n) and (n,) or (T, n) -> (T,) in float64."""
    if len(a) == 1 and not a.is_cuda:
        runs = zip(a.view(-1).split(RUN), b.reshape(-1).split(RUN), strict=True)
        return wide(torch.stack([torch.dot(p, q) for p, q in runs])).sum()[None]
    return wide(total(a * b))


def total(a: Tensor) -> Tensor:
    """sum_i a_i of each row, (T, n) -> (T,): torch adds along a row in pairs."""
    return wide(a.sum(1))


def squares(a: Tensor) -> Tensor:
    """sum_i a_i^2 of each row, (T, n) -> (T,) in float64."""
    if a.shape[1] <= RUN:
        return dot(a, a)
    whole = a.shape[1] // ROW * ROW
    rows = torch.linalg.vector_norm(a[:, :whole].unflatten(1, (-1, ROW)), dim=2)
    found = wide(rows).square().sum(1)
    return found + dot(a[:, whole:], a[:, whole:]) if whole < a.shape[1] else found


class Blocks:
    """Tensors of given sizes as few long rows: each large one is a row of its own, all small ones share one.

    apart: each tensor a row of its own, however small.
    """

    def __init__(self, sizes: Sequence[int], apart: bool = False):
        self.sizes = list(sizes)
        small = [] if apart else [i for i, n in enumerate(sizes) if n < SMALL]
        self.groups = [[i] for i in range(len(sizes)) if i not in set(small)] + ([small] if small else [])

    def join(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """(T, *shape) of each tensor -> (T, n) of each block."""
        flat = [t.reshape(len(t), -1) for t in tensors]
        return [flat[g[0]] if len(g) == 1 else torch.cat([flat[i] for i in g], 1) for g in self.groups]

    def row(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The same of tensors that all trials share: each (n,)."""
        return [b[0] for b in self.join([t.reshape(1, -1) for t in tensors])]

    def split(self, blocks: Sequence[Tensor], like: Sequence[Tensor]) -> list[Tensor]:
        """(T, n) of each block -> each tensor's part, shaped as `like`."""
        parts: list[Tensor] = [blocks[0]] * len(self.sizes)
        for group, block in zip(self.groups, blocks, strict=True):
            for i, part in zip(group, block.split([self.sizes[i] for i in group], 1), strict=True):
                parts[i] = part.view(like[i].shape)
        return parts
