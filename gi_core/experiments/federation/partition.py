"""Pictures dealt out among clients: alike, or with classes p_k ~ Dirichlet(alpha) of each client k.

Label skew after Hsu et al., Measuring the Effects of Non-Identical Data Distribution, 2019. No picture goes to two
clients, and every client gets exactly as many as its share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gi_core.common.errors import SpecError


def partition(
    labels: np.ndarray, shares: Sequence[int], kind: str, alpha: float, draw: np.random.Generator
) -> list[np.ndarray]:
    """Indices into `labels` (M,) of each client, ascending. shares: pictures of each. Raises SpecError."""
    wanted = int(sum(shares))
    if wanted > len(labels):
        raise SpecError(
            f"the data has {len(labels)} pictures for the clients, not {wanted}: ask for fewer clients or pictures"
        )
    deal = iid(len(labels), shares, draw) if kind == "iid" else dirichlet(labels, shares, alpha, draw)
    return [np.sort(part) for part in deal]


def iid(count: int, shares: Sequence[int], draw: np.random.Generator) -> list[np.ndarray]:
    """A random order, cut into pieces."""
    order = draw.permutation(count)
    ends = np.cumsum(shares)
    return [order[end - share : end] for share, end in zip(shares, ends, strict=True)]


def dirichlet(labels: np.ndarray, shares: Sequence[int], alpha: float, draw: np.random.Generator) -> list[np.ndarray]:
    """Client by client: p ~ Dirichlet(alpha, ..., alpha) over classes, then each picture's class from p.

    A class that has run out is left out of p; where nothing of p is left, the class is drawn among what remains.
    """
    classes = np.unique(labels)
    piles = [list(draw.permutation(np.flatnonzero(labels == k))) for k in classes]
    found = []
    for share in shares:
        wish = draw.dirichlet(np.full(len(classes), alpha))
        mine = []
        for _ in range(share):
            left = np.asarray([len(pile) for pile in piles], float)
            odds = wish * (left > 0)
            odds = odds if odds.sum() > 0 else left
            mine.append(piles[draw.choice(len(classes), p=odds / odds.sum())].pop())
        found.append(np.asarray(mine, np.int64))
    return found
