"""The likeliest reason why an update is a multiple of what the client as described would send, and the setting for it.

Clipping leaves a factor well below 1 and a mean step whose norm is the bound, which people choose round: exact of one step,
and a little less of several that do not all point the same way. A sum over a batch is a factor of its size, a loss scale a
power of two, a learning rate a round number. No torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CLIPPED = 0.9
"""Factor above which nothing was clipped to speak of."""
MOST_DOUBT = 0.02
"""Beyond it a rough factor would fit any reason."""
SHORTER = 0.03
"""The mean of several clipped steps may be shorter than the bound by this share of it."""


@dataclass(frozen=True)
class Shown:
    """factor: of the update. doubt: of it, relative. norm: of the mean step, in a gradient's units. single: whether there was one
    step. images: of a batch. rate: learning rate as described, None of a gradient.
    """

    factor: float
    doubt: float
    norm: float
    single: bool
    images: int
    rate: float | None


def reasons(seen: Shown) -> list[str]:
    """Clauses, the likeliest first; empty where nothing stands out."""
    size, found = abs(seen.factor), []
    flipped = seen.factor < 0
    if seen.images > 1 and near(size, seen.images, seen.doubt):
        found.append(f"a sum over the {seen.images} pictures fits (client.reduction=sum)")
    if size < CLIPPED and not flipped:
        bound = round_bound(seen.norm, 0.0 if seen.single else SHORTER)
        if bound is not None:
            how = "--defense clipping:norm" if seen.rate is None else "client.clip_norm"
            steps = "norm" if seen.single else "mean step's norm"
            found.append(f"clipping would explain it, as its {steps} is {seen.norm:.4g}: try {how}={bound:g}")
    power = round(math.log2(size))
    learnt = None if seen.rate is None else size * seen.rate
    if power and near(size, 2.0**power, seen.doubt) and not (learnt is not None and is_round(learnt, seen.doubt)):
        found.append(f"a loss scale of {2.0**power:g} fits (client.loss_scale={2.0**power:g})")
    if seen.rate is None and size < 1 and not flipped and not found and is_round(size, seen.doubt):
        found.append(
            f"weights before minus after by a learning rate of {size:.3g} would look like this (client fedavg)"
        )
    return found


def round_bound(norm: float, shorter: float) -> float | None:
    """The round number that the norm equals, or falls short of by the share `shorter` at most; None without one."""
    if not 0 < norm < math.inf:
        return None
    unit = 10.0 ** math.floor(math.log10(norm))
    for step in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 7.5, 8.0, 9.0, 10.0):
        if (1 - shorter - 1e-3) * step * unit <= norm <= 1.001 * step * unit:
            return float(f"{step * unit:.3g}")
    return None


def is_round(value: float, doubt: float) -> bool:
    """Whether a value has one digit, within the doubt."""
    return near(value, float(f"{value:.1g}"), min(doubt, MOST_DOUBT / 2))


def near(value: float, other: float, doubt: float) -> bool:
    return abs(value / other - 1) <= max(min(doubt, MOST_DOUBT), 1e-3)
