"""What decides whether a batch comes apart by the units of a dense layer: counts, before any gradient is there. No torch.

A direction is the null vector of b - 1 rows that are all off for its picture. With a share p of the units off for each
picture, P(rows fit one picture) ~ p^(b - 1), and

    N = p^-(b - 1) ln(b / delta)

proposals find all b with probability 1 - delta. Rows are not independent: it is an order of magnitude.
"""

from __future__ import annotations

import math

OFF = 0.5
"""Share of a fresh layer's units that are off for a picture."""
MISSED = 0.01
"""delta."""
SPARE = 4
"""Zeros of a direction beyond those that any null vector of b - 1 rows has by itself."""
FEASIBLE = 1e9
"""Proposals that can be made in a day or so."""
REWEIGHTED_FROM = 24
"""Pictures from which reweighting comes first."""
UNITS_EACH = 8
"""Units for each picture up to which the directions have been seen to be unique."""


def proposals(images: int, off: float = OFF) -> float:
    """N, at least 1."""
    if images < 2:
        return 1.0
    exponent = (images - 1) * -math.log10(off) + math.log10(math.log(images / MISSED))
    return float(10.0 ** min(exponent, 300.0))


def zeros(units: int, off: float = OFF) -> int:
    """Units of a layer that are off for one picture."""
    return int(units * off)


def narrow(units: int, images: int) -> bool:
    """Whether a picture's zeros cannot be told from those that come for nothing."""
    return images > 1 and zeros(units) < images + SPARE


def most(units: int, inputs: int) -> int:
    """Pictures up to which a layer's directions can be told from what comes for nothing."""
    return max(1, min(zeros(units) - SPARE, inputs))


def infeasible_from() -> int:
    """Pictures from which sampling takes more than FEASIBLE proposals."""
    return next(b for b in range(2, 99) if proposals(b) > FEASIBLE)


def written(number: float) -> str:
    """A count as words have it: 856, 240,000, 1.7e+10."""
    return f"{float(f'{number:.2g}'):,.0f}" if number < 1e9 else f"{number:.0e}"
