"""The rank of a matrix in general position from its pattern, a product of two axes.

A left node (i, j) offers `supply` rows, a right node `demand` columns, and they may be matched where
both axes say so: the largest flow bounds the rank (Koenig), and almost all values of the entries
reach it unless algebra binds them. They are bound where the matrix is a convolution of two
dimensions without padding, or its transpose: polynomials in two variables have syzygies.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gi_core.analysis.rank.axis import Axis, Run

MOST_EDGES = 60_000
Compressed = tuple[np.ndarray, np.ndarray, np.ndarray]


@lru_cache(maxsize=4096)
def rank(rows: Axis, columns: Axis, supply: int, demand: int) -> int:
    """Rank of the pattern; of a flow problem above MOST_EDGES, the smaller side."""
    return min(_transport(rows, columns, supply, demand), _syzygies(rows, columns, supply, demand))


def _transport(rows: Axis, columns: Axis, supply: int, demand: int) -> int:
    """The largest flow. Hall's condition on the densities of either side nearly always decides it."""
    lefts, rights = rows.lefts * columns.lefts * supply, rows.rights * columns.rights * demand
    if supply * rows.left_density * columns.left_density <= demand:
        return lefts  # every row finds a column of its own
    if demand * rows.right_density * columns.right_density <= supply:
        return rights
    first, second = _compressed(rows), _compressed(columns)
    if len(first[0]) * len(second[0]) > MOST_EDGES:
        return min(lefts, rights)
    return _flow(first, second, supply, demand)


def _syzygies(rows: Axis, columns: Axis, supply: int, demand: int) -> int:
    """Rows less the relations among them, for a convolution without padding or the transpose of one.

    A polynomial matrix of C + 1 rows and C columns is annihilated by its maximal minors, of degree D: on
    m x n positions that is (m - D)(n - D) relations. A step s makes C = demand s^2 phases.
    """
    bound = rows.lefts * columns.lefts * supply
    if rows.valid and columns.valid:
        phases, relations = _minors(rows.valid, columns.valid, demand)
        if supply == phases + 1:
            bound -= relations
    if rows.full and columns.full:
        phases, relations = _minors(rows.full, columns.full, demand)
        if phases == supply + 1:
            bound = min(bound, rows.rights * columns.rights * demand - relations)
    return bound


def _minors(rows: Run, columns: Run, demand: int) -> tuple[int, int]:
    """Phases, and relations where the other side has one polynomial more or less than there are phases."""
    across = rows.span - demand * columns.step * rows.excess
    along = columns.span - demand * rows.step * columns.excess
    return demand * rows.step * columns.step, max(0, across) * max(0, along)


def _compressed(axis: Axis) -> Compressed:
    """Edges (E, 2) between left nodes and kinds of right nodes, and how many each kind stands for."""
    seers: dict[int, list[int]] = {h: [] for h in range(axis.rights)}
    for a, nodes in enumerate(axis.seen):
        for h in nodes:
            seers[h].append(a)
    kinds: dict[tuple[int, ...], int] = {}
    for seen_by in seers.values():
        kinds[tuple(seen_by)] = kinds.get(tuple(seen_by), 0) + 1
    edges = [(a, k) for k, seen_by in enumerate(kinds) for a in seen_by]
    return np.array(edges), np.array(list(kinds.values())), np.array([axis.lefts])


def _flow(rows: Compressed, columns: Compressed, supply: int, demand: int) -> int:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import maximum_flow

    (e, kinds_e, (lefts_e,)), (f, kinds_f, (lefts_f,)) = rows, columns
    left = (e[:, None, 0] * lefts_f + f[None, :, 0]).ravel()
    right = (e[:, None, 1] * len(kinds_f) + f[None, :, 1]).ravel()
    lefts, rights = lefts_e * lefts_f, len(kinds_e) * len(kinds_f)
    room = demand * (kinds_e[:, None] * kinds_f[None, :]).ravel()
    source, sink = lefts + rights, lefts + rights + 1
    tail = np.concatenate([np.full(lefts, source), left, lefts + np.arange(rights)])
    head = np.concatenate([np.arange(lefts), lefts + right, np.full(rights, sink)])
    capacity = np.concatenate([np.full(lefts, supply), np.full(len(left), supply), room]).astype(np.int32)
    graph = coo_matrix((capacity, (tail, head)), shape=(sink + 1, sink + 1)).tocsr()
    return int(maximum_flow(graph, source, sink).flow_value)
