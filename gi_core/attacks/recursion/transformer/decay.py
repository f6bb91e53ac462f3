"""Weight decay that the server does not know, from one picture's own equations.

A change of weights holds (a - 1) theta_0 besides the sums of gradients, with one number a for all tensors. Without it the
patches' change lies in the span of the positions', so a is what leaves least of G_a outside the span of S_a:

    G_a = dW - (a - 1) W_0,   S_a = dpos - (a - 1) pos_0,   a = argmin |G_a - Q_a Q_a^T G_a| / |G_a|
"""

from __future__ import annotations

from dataclasses import replace

import torch
from scipy.optimize import minimize_scalar

from gi_core.attacks.base import Refused
from gi_core.attacks.recursion.transformer import sent
from gi_core.networks.tokens import Tokens
from gi_core.settings import transformer_checks
from gi_core.types.updates import Knowledge, Schedule, Update

LEAST, GRID = 1e-8, 60
"""Least share of the weights that is looked for, and how many shares up to one are tried first."""
MOST = 10.0
"""Largest weight decay that a client may have."""


def searched(update: Update, knowledge: Knowledge, tokens: Tokens) -> Knowledge:
    """What is known, with the weight decay that fits in place of the client's. Raises Refused."""
    schedule, kernel = knowledge.schedule, tokens.kernel
    if update.kind == "gradient" or schedule is None or transformer_checks.unsummed(schedule):
        return knowledge
    both = sent.there(update, [kernel, tokens.positions])
    if update.images > 1 or not both or tokens.width < tokens.count + transformer_checks.SPARE:
        raise Refused(transformer_checks.DECAY_UNFIT)
    before = dict(knowledge.model.named_parameters())
    patches, kernel_before = (t[kernel].detach().cpu().double().flatten(1) for t in (update.tensors, before))
    positions, places_before = (
        t[tokens.positions].detach().cpu().double().reshape(-1, tokens.width)[-tokens.count :].T
        for t in (update.tensors, before)
    )

    def left(taken: float) -> float:
        """Squared share of G_a outside the span of S_a, for 1 - a."""
        g, s = patches + taken * kernel_before, positions + taken * places_before
        q = torch.linalg.qr(s).Q
        return float((g - q @ (q.T @ g)).square().sum() / g.square().sum())

    grid = [0.0, *torch.logspace(torch.tensor(LEAST).log10(), 0, GRID).tolist()]
    sizes = [left(taken) for taken in grid]
    at = min(range(len(grid)), key=sizes.__getitem__)
    low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    found = minimize_scalar(left, bounds=(low, high), method="bounded", options={"xatol": 1e-9 * high, "maxiter": 100})
    taken = float(found.x) if float(found.fun) < sizes[at] else grid[at]
    return replace(knowledge, schedule=_decaying(schedule, 1.0 - taken))


def _decaying(schedule: Schedule, kept: float) -> Schedule:
    """The schedule with the weight decay that leaves `kept` of a weight of one."""
    if kept >= 1.0:
        return replace(schedule, weight_decay=0.0)
    low, high = 0.0, MOST
    for _ in range(60):
        middle = (low + high) / 2
        more = sent.kept(replace(schedule, weight_decay=middle)) > kept
        low, high = (middle, high) if more else (low, middle)
    return replace(schedule, weight_decay=(low + high) / 2)
