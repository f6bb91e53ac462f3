"""Whether what pictures leave unexplained is the noise as described: of its size in every tensor, and in every large row.

Noise of deviation s has a residual of root mean square s on any n values, to within 1 / sqrt(2 n). A misfit of the same
length has not: a gradient is large in one layer and small in the next, and of one class's row. So a wrong label, or another
client, cannot stand for noise that was described and never added.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.attacks.explaining import compared

ENOUGH = 256
"""Values from which a group is judged by itself: of Gaussian noise 1 +- 0.04, of Laplace noise 1 +- 0.07."""


def sizes(own: list[Tensor], belief: Belief) -> tuple[float, float] | None:
    """(least, most) of rms(a g - g*) / s over the groups of values that were sent with noise; None where there are none.

    own, belief: of `explaining.beside`; a is the factor that fits best. A group is a tensor of at least `ENOUGH` values, each
    of its rows where they hold as many, and all smaller tensors together.
    """
    _, factor = compared(own, belief)
    small: list[Tensor] = []
    found: list[float] = []
    for g, low, high, spread in zip(own, belief.low, belief.high, belief.spread, strict=True):
        low, high, spread = (t.double().cpu() for t in (low, high, spread))
        there = (low == high) & torch.isfinite(low) & (spread > 0)
        z = torch.where(there, (factor * g.double().cpu() - low) / torch.where(there, spread, 1.0), 0.0)
        if int(there.sum()) < ENOUGH:
            small.append(z[there])
            continue
        found.append(float((z.square().sum() / there.sum()).sqrt()))
        rows, kept = z.reshape(len(z), -1), there.reshape(len(z), -1).sum(1)
        full = kept >= ENOUGH
        found += (rows.square().sum(1)[full] / kept[full]).sqrt().tolist()
    rest = torch.cat(small) if small else torch.zeros(0)
    if len(rest) >= ENOUGH or (len(rest) and not found):
        found.append(float(rest.square().mean().sqrt()))
    return (min(found), max(found)) if found else None
