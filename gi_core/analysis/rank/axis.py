"""Who sees whom along one axis of a convolution, and the densest spots of it.

Outputs a and taps u meet real pixels h = s a + d u - p. Every such relation is a bipartite graph
whose left nodes see intervals of right nodes, so its extreme ratios are those of runs of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from gi_core.spec.graph import Conv

Seen = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Axis:
    """Left nodes and what they see; nodes without a partner are left out.

    seen: for each left node the right nodes, numbered from 0, ascending. rights: how many there are.
    left_density: max |A| / |N(A)| over sets of left nodes; right_density: the same from the right.
    valid: (length, step) where every left node sees a whole run, each `step` further, as a convolution
    without padding does; full: length of the runs where every right node does, at steps of 1.
    """

    seen: Seen
    rights: int
    left_density: float
    right_density: float
    valid: tuple[int, int] | None
    full: int | None

    @property
    def lefts(self) -> int:
        return len(self.seen)


@lru_cache(maxsize=512)
def outputs(kernel: int, stride: int, padding: int, dilation: int, extent: int, count: int) -> tuple[Axis, ...]:
    """Output positions (left) and the pixels that they see (right); dilation makes several axes of one."""
    parts = dilation // gcd(stride, dilation)
    seen = [
        [h for h in (stride * a + dilation * u - padding for u in range(kernel)) if 0 <= h < extent]
        for a in range(count)
    ]
    axes = [_axis(seen[part::parts]) for part in range(parts)]
    return tuple(axis for axis in axes if axis.lefts)


@lru_cache(maxsize=512)
def taps(kernel: int, stride: int, padding: int, dilation: int, extent: int, count: int) -> dict[int, Axis]:
    """Taps (left) and the pixels that they meet (right): residue class of the pixels -> axis.

    A tap u only ever meets pixels with h + p = d u mod s, so the classes share nothing.
    """
    classes: dict[int, list[list[int]]] = {}
    for u in range(kernel):
        met = [h for h in (stride * a + dilation * u - padding for a in range(count)) if 0 <= h < extent]
        classes.setdefault(dilation * u % stride, []).append(met)
    axes = {residue: _axis(met) for residue, met in classes.items()}
    return {residue: axis for residue, axis in axes.items() if axis.lefts}


def size(op: Conv, extent: int) -> int:
    """Output positions along an axis of so many pixels."""
    return (extent + 2 * op.padding - op.dilation * (op.kernel - 1) - 1) // op.stride + 1


def _axis(seen: Sequence[Sequence[int]]) -> Axis:
    kept = [nodes for nodes in seen if nodes]
    number = {h: i for i, h in enumerate(sorted({h for nodes in kept for h in nodes}))}
    left = tuple(tuple(number[h] for h in nodes) for nodes in kept)
    right: list[list[int]] = [[] for _ in number]
    for a, nodes in enumerate(left):
        for h in nodes:
            right[h].append(a)
    back = tuple(map(tuple, right))
    full = _runs(back)
    return Axis(
        left, len(number), _density(left), _density(back), _runs(left), full[0] if full and full[1] == 1 else None
    )


def _runs(seen: Seen) -> tuple[int, int] | None:
    """(length, step) of runs that are all whole and overlap or touch, else None."""
    if not seen:
        return None
    length = len(seen[0])
    step = seen[1][0] - seen[0][0] if len(seen) > 1 else length
    whole = all(nodes == tuple(range(i * step, i * step + length)) for i, nodes in enumerate(seen))
    return (length, step) if whole and 0 < step <= length else None


def _density(seen: Seen) -> float:
    """max |A| / |N(A)|: over runs of nodes within each connected part."""
    best = 0.0
    for part in _parts(seen):
        for first in range(len(part)):
            union: set[int] = set()
            for length, node in enumerate(part[first:], start=1):
                union.update(seen[node])
                best = max(best, length / len(union))
    return best


def _parts(seen: Seen) -> list[list[int]]:
    """Connected parts of left nodes, each in order."""
    parts: list[tuple[set[int], list[int]]] = []
    for node, nodes in enumerate(seen):
        touching = [p for p in parts if not p[0].isdisjoint(nodes)]
        parts = [p for p in parts if not any(p is t for t in touching)]
        merged = (set(nodes).union(*(t[0] for t in touching)), sorted([node, *(n for t in touching for n in t[1])]))
        parts.append(merged)
    return [part for _, part in parts]
