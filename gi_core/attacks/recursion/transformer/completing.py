"""Values of one picture's G and S that were cleared, told by those that were kept.

    M = [G | S^T] = S^T [P | I]   (D, n + T), of rank T

so a column of M lies in the T dimensions that its other columns span, and T kept values of it, or a few more, tell the
rest. The space U (rows, T) is found by alternating least squares over the kept values; the cleared ones weigh as zeros, which
they nearly are where the smallest were cleared, at first a hundredth and then ever less. Rows and columns of which little was
kept do not take part. With S = U A whole, each column p of the patches is the mean given what is known of it:

    |m (g - S^T p)|^2 / e^2 + |(1 - m) S^T p|^2 / c^2 + |p - grey|^2 / v^2   least

with m the mask, e the deviation of a kept value, c that of a cleared one and v that of a pixel. This project's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.attacks.base import State
from gi_core.attacks.recursion.transformer.solving import DEVIATION

SLACK = 1.5
"""Kept values, in units of T, that a row or a column has which takes part."""
OVER = 6.0
"""Kept values for each unknown of U and of the columns' coordinates; more columns than that take no part."""
FIRST, FALLING = 1e-2, (0.6, 0.9)
"""Weight of a cleared value in the first round, and factor from round to round down to the squared rounding: slower in a second
try, where the first one ends at what the kept values do not fit.
"""
FILLED = 5.0
"""Misfit of the kept values, in units of the rounding of what was sent, up to which the cleared ones are believed."""
PER_UNKNOWN = 2.5
"""Kept values for each unknown, below which nothing is tried: of a photograph through 196 patches it would take a quarter of an hour and fail."""
LEAST = 1e-14
"""Weight of a cleared value at least, which keeps every fit solvable."""
ROUNDS, MOST, STILL = 10, 400, 0.95
"""Rounds in a step of the attack, most of them, and the share of the misfit left after a step that is no progress."""
SIZED = 1e-2
"""Smallest kept value, in units of their root mean square, from which the smallest are taken to be the cleared ones."""


@dataclass(frozen=True)
class Cleared:
    """whole (D, n + T): M, zero where cleared. kept: its mask. eps: of the numbers that were sent."""

    whole: Tensor
    kept: Tensor
    patches: int
    eps: float

    def core(self) -> tuple[Tensor, Tensor]:
        """(rows, columns) that take part, both as masks."""
        needed = SLACK * self.patches
        rows, columns = (torch.ones(n, dtype=torch.bool) for n in self.whole.shape)
        while True:
            wide = rows & ((self.kept & columns).sum(1) >= needed)
            tall = columns & ((self.kept & wide[:, None]).sum(0) >= needed)
            if bool((wide == rows).all() and (tall == columns).all()):
                return rows, columns
            rows, columns = wide, tall

    def short(self) -> int:
        """Positions of which too little was kept to tell the rest."""
        rows, _ = self.core()
        return int(((self.kept & rows[:, None]).sum(0)[-self.patches :] < SLACK * self.patches).sum())

    def determined(self) -> bool:
        """Whether enough was kept: of every position, and for each of the T (D' + n' - T) unknowns of rank T."""
        rows, columns = self.core()
        unknowns = self.patches * (int(rows.sum()) + int(columns.sum()) - self.patches)
        return not self.short() and int(self.kept[rows][:, columns].sum()) >= PER_UNKNOWN * unknowns

    @property
    def rounding(self) -> float:
        """Of the kept values, as the misfit is measured."""
        return max(self.eps, LEAST**0.5 / 100)

    @property
    def least(self) -> float:
        """Weight of a cleared value in the end."""
        return max(self.eps**2, LEAST)

    def spread(self) -> float:
        """c of G: the smallest kept value over sqrt(3) where it is large, as the smallest were cleared then, else that of the kept."""
        own = slice(0, -self.patches)
        sizes = self.whole[:, own][self.kept[:, own]].abs()
        rms, least = float(sizes.square().mean()) ** 0.5, float(sizes.min())
        return least / math.sqrt(3) if least > SIZED * rms else rms


def enough(share: float, rows: int, columns: int, patches: int) -> int:
    """Columns of `columns` that take part, of which a share of the values was kept."""
    spare = share * rows - OVER * patches
    return min(columns, math.ceil(OVER * patches * rows / spare)) if spare > 0 else columns


def begin(cleared: Cleared, seed: int) -> State:
    """The alternation's state: `rows` and `columns` are those that take part, u their space."""
    rows, columns = (m.nonzero().flatten() for m in cleared.core())
    t = cleared.patches
    positions = columns[columns >= cleared.whole.shape[1] - t]
    others = columns[columns < cleared.whole.shape[1] - t]
    share = float(cleared.kept[rows][:, columns].double().mean())
    draws = torch.Generator().manual_seed(seed)
    wanted = enough(share, len(rows), len(others), t)
    others = others[torch.randperm(len(others), generator=draws)[:wanted].sort().values]
    columns = torch.cat([others, positions])
    shown = cleared.whole[rows][:, columns]
    v = torch.linalg.svd(shown, full_matrices=False)[2][:t].T
    return {"rows": rows, "columns": columns, "v": v, "begun": v, "round": 0, "misfits": [], "try": 0, "best": None}


def further(cleared: Cleared, state: State) -> bool:
    """`ROUNDS` more. Returns whether they are all: `best` is then the better try, with its u, v, misfit and noise."""
    shown = cleared.whole[state["rows"]][:, state["columns"]]
    kept = cleared.kept[state["rows"]][:, state["columns"]].double()
    v, falling = state["v"], FALLING[state["try"]]
    for _ in range(ROUNDS):
        cleared_weight = max(FIRST * falling ** state["round"], cleared.least)
        weights = kept + (1 - kept) * cleared_weight
        u = torch.linalg.qr(_fitted(torch.linalg.qr(v).Q, shown, weights)).Q
        v = _fitted(u, shown.T, weights.T)
        state["round"] += 1
    off = kept * (shown - u @ v.T)
    state["misfits"].append(float(off.norm() / shown.norm()))
    over = float(kept.sum()) - u.shape[1] * (sum(shown.shape) - u.shape[1])
    noise = (float(off.square().sum()) / max(over, 1.0)) ** 0.5
    state["v"], seen = v, state["misfits"]
    settled = cleared_weight <= cleared.least and len(seen) > 1 and seen[-1] > STILL * seen[-2]
    if not settled and state["round"] < MOST:
        return False
    if state["best"] is None or seen[-1] < state["best"]["misfit"]:
        state["best"] = {"u": u, "v": v, "misfit": seen[-1], "noise": noise, "rounds": state["round"]}
    if seen[-1] <= FILLED * cleared.rounding or state["try"] + 1 == len(FALLING):
        return True
    state |= {"try": state["try"] + 1, "v": state["begun"], "round": 0, "misfits": []}
    return False


def _fitted(basis: Tensor, shown: Tensor, weights: Tensor) -> Tensor:
    """(k, T): for each row of `shown` (k, m), with weights as many, its coordinates in `basis` (m, T) by least squares."""
    return torch.linalg.solve(_squares(basis, weights), ((weights * shown) @ basis)[..., None])[..., 0]


def _squares(basis: Tensor, weights: Tensor) -> Tensor:
    """(k, T, T): B^T diag(w) B for each row w of `weights`."""
    return torch.stack([(basis * w[:, None]).T @ basis for w in weights])


@dataclass(frozen=True)
class Told:
    """patches (T, n), in the network's units. basis (n, T, T): for each column orthonormal directions, as columns, and
    precision (n, T) of each, without what a pixel's spread adds, and said (n, T): precision times its value. error (n, T):
    deviation of each direction. misfit: of the kept values of G. singular (T,): of S.
    """

    patches: Tensor
    basis: Tensor
    precision: Tensor
    said: Tensor
    error: Tensor
    misfit: float
    singular: Tensor


def patches(cleared: Cleared, state: State, grey: Tensor, unit: float) -> Told:
    """grey (n,): a grey patch. unit: of a pixel in the network's units."""
    rows, t, best = state["rows"], cleared.patches, state["best"]
    u, whole, kept = best["u"], cleared.whole[rows], cleared.kept[rows].double()
    weights = kept[:, -t:] + (1 - kept[:, -t:]) * cleared.least
    positions = u @ _fitted(u, whole[:, -t:].T, weights.T).T  # S^T (rows, T)
    gradient, mask = whole[:, :-t], kept[:, :-t]
    noise = max(best["noise"], 1e-16 * float(gradient.abs().max()))
    spread, v = cleared.spread(), DEVIATION * unit
    weights = mask / noise**2 + (1 - mask) / spread**2
    right = positions.T @ (mask * gradient) / noise**2
    values, basis = torch.linalg.eigh(_squares(positions, weights.T))
    values = values.clamp_min(0)
    said = torch.einsum("jab,aj->jb", basis, right)
    middle = torch.einsum("jab,j->jb", basis, grey) / v**2
    found = torch.einsum("jab,jb->aj", basis, (said + middle) / (values + 1 / v**2))
    misfit = float((mask * (gradient - positions @ found)).norm() / (mask * gradient).norm())
    return Told(found, basis, values, said, (values + 1 / v**2).rsqrt(), misfit, torch.linalg.svdvals(positions))
