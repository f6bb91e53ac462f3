"""Which outputs and taps meet which pixels along one axis of a convolution, and where that relation is densest.

Outputs a and taps u meet real pixels h = s a + d u - p. Every such relation is a bipartite graph
whose left nodes see intervals of right nodes, so its extreme ratios are those of runs of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np

from gi_core.settings.graph import Conv

Seen = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Run:
    """Runs of step + excess right nodes, each `step` further; span: left nodes that meet every class mod the step."""

    excess: int
    step: int
    span: int


@dataclass(frozen=True)
class Axis:
    """Left nodes and what they see; every node has a partner.

    seen: for each left node the right nodes, numbered from 0, ascending. rights: how many there are.
    left_density: max |A| / |N(A)| over sets of left nodes; right_density: the same from the right.
    valid: set where every left node sees a whole run, as in a convolution without padding; full: where every right
    node is seen by whole runs, as in its transpose.
    """

    seen: Seen
    rights: int
    left_density: float
    right_density: float
    valid: Run | None
    full: Run | None

    @property
    def lefts(self) -> int:
        return len(self.seen)


@dataclass(frozen=True)
class Part:
    """Outputs and taps of an axis that share pixels with one another and with nothing else.

    outputs: output positions (left) and the pixels that they see (right); dilation makes several axes of it.
    taps: residue class of pixels mod the stride -> taps (left) and the pixels that they meet (right).
    seen: the same classes -> which of the part's positions see them, (positions,) bool.
    """

    outputs: tuple[Axis, ...]
    taps: dict[int, Axis]
    seen: dict[int, np.ndarray]


@lru_cache(maxsize=512)
def parts(kernel: int, stride: int, padding: int, dilation: int, extent: int, count: int) -> tuple[Part, ...]:
    """The parts of an axis: one, unless the stride is so long that positions at the border see no common class.

    A tap u only ever meets pixels with h + p = d u mod s, so K0 has a block for each class.
    """
    met: dict[int, dict[int, list[int]]] = {}  # class -> tap -> pixels
    sees: dict[int, list[int]] = {}  # position -> pixels
    classes: dict[int, set[int]] = {}  # class -> positions
    for u in range(kernel):
        for a in range(count):
            h = stride * a + dilation * u - padding
            if 0 <= h < extent:
                residue = dilation * u % stride
                met.setdefault(residue, {}).setdefault(u, []).append(h)
                sees.setdefault(a, []).append(h)
                classes.setdefault(residue, set()).add(a)
    common = gcd(stride, dilation)
    step = dilation // common
    found = []
    for members in _connected({residue: tuple(positions) for residue, positions in classes.items()}):
        places = sorted(set().union(*(classes[residue] for residue in members)))
        split = [[sees[a] for a in places if a % step == part] for part in range(step)]
        found.append(
            Part(
                tuple(_axis(seen, stride // common, kernel) for seen in split if seen),
                {residue: _axis(list(met[residue].values()), dilation // common, count) for residue in members},
                {residue: np.isin(places, list(classes[residue])) for residue in members},
            )
        )
    return tuple(found)


def size(op: Conv, extent: int) -> int:
    """Output positions along an axis of so many pixels."""
    return (extent + 2 * op.padding - op.dilation * (op.kernel - 1) - 1) // op.stride + 1


def _axis(seen: Sequence[Sequence[int]], step: int, length: int) -> Axis:
    """seen: of runs of `length` nodes, each `step` further, cut off at the border."""
    number = {h: i for i, h in enumerate(sorted({h for nodes in seen for h in nodes}))}
    left = tuple(tuple(number[h] for h in nodes) for nodes in seen)
    right: list[list[int]] = [[] for _ in number]
    for a, nodes in enumerate(left):
        for h in nodes:
            right[h].append(a)
    back = tuple(map(tuple, right))
    whole = step <= length and all(len(nodes) == length for nodes in left)
    valid = Run(length - step, step, len(left)) if whole else None
    return Axis(left, len(number), _density(left), _density(back), valid, _full(back, step, length))


def _full(back: Seen, step: int, length: int) -> Run | None:
    classes = [back[first::step] for first in range(step)]
    counts = [{len(nodes) for nodes in members} for members in classes]
    if step > length or any(len(count) != 1 for count in counts) or sum(map(sum, counts)) != length:
        return None
    common = set.intersection(*({a for nodes in members for a in nodes} for members in classes))
    return Run(length - step, step, len(common))


def _density(seen: Seen) -> float:
    """max |A| / |N(A)|: over runs of nodes within each connected part."""
    best = 0.0
    for part in _connected(dict(enumerate(seen))):
        for first in range(len(part)):
            union: set[int] = set()
            for length, node in enumerate(part[first:], start=1):
                union.update(seen[node])
                best = max(best, length / len(union))
    return best


def _connected(seen: dict[int, tuple[int, ...]]) -> list[list[int]]:
    """Connected components of the left nodes; each in order."""
    groups: list[tuple[set[int], list[int]]] = []
    for node, nodes in seen.items():
        touching = [g for g in groups if not g[0].isdisjoint(nodes)]
        groups = [g for g in groups if not any(g is t for t in touching)]
        merged = (set(nodes).union(*(t[0] for t in touching)), sorted([node, *(n for t in touching for n in t[1])]))
        groups.append(merged)
    return [group for _, group in groups]
