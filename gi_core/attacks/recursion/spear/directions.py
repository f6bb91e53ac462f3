"""Directions q with U q proportional to one picture's column of A: told by the units that are off for that picture.

    a_ji = 0 where unit j is off for picture i,   U[Z_i] q_i = 0,   Z_i about half of the units

A sum of several columns is zero only where all of them are, so taking candidates by falling count of zeros and keeping
those that raise the rank finds the true ones, if they are all there: each part of a sum comes before the sum itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gi_core.attacks.recursion.spear.reading import Reading

KAPPA, TINY = 5.0, 1e-10
"""Deviations of noise, and absolute size, up to which an entry of U q is zero."""
LEAST, LEAST_NOISY = (0.3, 0.1, 0.0), (0.3, 0.12)
"""Shares of the units that must be off for a candidate, by turns: a large share leaves few sums of columns, a small one finds
pictures that are much alike, or keep most units on. Under noise a small share would be met by chance.
"""
BAND, REFINED = (24.0, 6.0, 1.0, 1.0), 3
FIRST_ROWS, SPARE = 64, 4
ALIKE, MOSTLY = 1e-4, 0.98
"""Relative difference from a multiple of the slope, and share of the units that must have no more."""
SAME, SAME_NOISY = 1e-8, 1e-3
"""1 - |cos| up to which two directions are one."""
APART, APART_NOISY = 1e-3, 3e-2
"""Part of a direction outside the span of others from which it raises their rank."""


@dataclass(frozen=True)
class Candidates:
    """q (K, b) of unit length, zeros (K,): units that are off, by falling number; hits (K,): how often each was found."""

    q: Tensor
    zeros: Tensor
    hits: Tensor

    @classmethod
    def none(cls, b: int) -> Candidates:
        return cls(
            torch.zeros(0, b, dtype=torch.float64), torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
        )


class Sieve:
    """Which directions of one reading are candidates. least: share of the units that must be off. slope (m,): what every column is
    a multiple of where its unit is on, if they all are; then differences of columns have many zeros too, and are left out.
    """

    def __init__(self, reading: Reading, least: float, slope: Tensor | None = None):
        self.reading, self.b = reading, len(reading.s)
        self.u, self.rows = reading.u[reading.live], reading.rows[reading.live]
        self.slope = None if slope is None else slope[reading.live]
        self.need = max(least * len(self.u), self.b + SPARE)
        """Zeros among the units that are on for any picture; b - 1 of them come for nothing."""
        self.same = SAME_NOISY if reading.noisy else SAME
        self.apart = APART_NOISY if reading.noisy else APART

    def zeros(self, q: Tensor, band: float = 1.0, rows: slice | Tensor = slice(None)) -> Tensor:
        """(units, K): where U q^T is zero up to noise."""
        size = (q / self.reading.s).norm(dim=1)
        return (self.u[rows] @ q.T).abs() <= band * (KAPPA * self.rows[rows, None] * size + TINY)

    def sift(self, q: Tensor, generator: torch.Generator) -> Candidates:
        """Candidates among unit vectors q (K, b), refined, each once."""
        units = len(self.u)
        share = self.need / units
        band = 3.0 if self.reading.noisy else 1.0
        if units > 2 * FIRST_ROWS:
            seen = torch.randperm(units, generator=generator)[:FIRST_ROWS]
            q = q[self.zeros(q, band, seen).sum(0) >= 0.6 * share * FIRST_ROWS]
        count = self.zeros(q, band).sum(0)
        q, count = q[count >= self.need], count[count >= self.need]
        single = self.single(q)
        q, count = q[single], count[single]
        order = count.argsort(descending=True, stable=True)
        return self.refined(self._distinct(q[order], 4 * self.b))

    def _distinct(self, q: Tensor, most: int) -> Tensor:
        """The first of each group of equal directions, `most` at most."""
        kept: list[Tensor] = []
        while len(q) and len(kept) < most:
            kept.append(q[0])
            q = q[(q @ q[0]).abs() <= 1 - self.same]
        return torch.stack(kept) if kept else q[:0]

    def refined(self, q: Tensor) -> Candidates:
        """Each moved to the least singular vector of the rows where it is zero, which averages their noise; those that keep
        enough zeros.
        """
        found, count = [], []
        for one in q:
            for band in BAND if self.reading.noisy else BAND[-2:]:
                zero = self.zeros(one[None], band)[:, 0]
                if int(zero.sum()) < self.need:
                    break
                one = least_vector(self.u[zero])
            number = int(self.zeros(one[None])[:, 0].sum())
            if number >= self.need and bool(self.single(one[None])):
                found.append(one)
                count.append(number)
        if not found:
            return Candidates.none(self.b)
        return Candidates(torch.stack(found), torch.tensor(count), torch.ones(len(count), dtype=torch.int64))

    def single(self, q: Tensor) -> Tensor:
        """(K,): whether U q is one multiple of the slope where it is not zero, but for a few units; q (K, b)."""
        if self.slope is None or not len(q):
            return torch.ones(len(q), dtype=torch.bool)
        value, slope = self.u @ q.T, self.slope[:, None]
        on = ~self.zeros(q) & (slope != 0)
        factor = torch.where(on, value / slope, torch.nan).nanmedian(0).values
        noise = 3 * KAPPA * self.rows[:, None] * (q / self.reading.s).norm(dim=1) + ALIKE * (factor * slope).abs()
        alike = ((value - factor * slope).abs() <= noise) & on
        return alike.sum(0) >= (MOSTLY * on.sum(0)).clamp_min(1)

    def joined(self, old: Candidates, new: Candidates) -> Candidates:
        """The directions of both that raise the rank, taken by falling number of zeros; b at most.

        What lies in the span of directions with more zeros stays there whatever is found later, so it need not be kept.
        """
        q, zeros, hits = (torch.cat(pair) for pair in ((old.q, new.q), (old.zeros, new.zeros), (old.hits, new.hits)))
        order = zeros.argsort(descending=True, stable=True)
        q, zeros, hits = q[order], zeros[order], hits[order].clone()
        chosen: list[int] = []
        span = q.new_zeros(0, self.b)
        for k, one in enumerate(q):
            left = one - (span @ one) @ span
            left = left - (span @ left) @ span
            if len(span) < self.b and float(left.norm()) > self.apart:
                chosen.append(k)
                span = torch.cat([span, (left / left.norm())[None]])
            elif chosen:
                near = (q[chosen] @ one).abs()
                if float(near.max()) > 1 - self.same:
                    hits[chosen[int(near.argmax())]] += hits[k]
        return Candidates(q[chosen], zeros[chosen], hits[chosen])


def least_vector(rows: Tensor) -> Tensor:
    """(b,): the right singular vector of the least singular value of rows (k, b)."""
    return torch.linalg.eigh(rows.T @ rows)[1][:, 0] if len(rows) > 4 * rows.shape[1] else torch.linalg.svd(rows)[2][-1]
