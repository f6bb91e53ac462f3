"""How far off the ensemble's answer is, as far as the update tells: the Jacobian at the answer, at the update's own precision.

An answer that matches is looked at whole, as the card of certainty does (`analysis.uniqueness`); of any other, and where that would
take too long, what is left open is drawn (`analysis.left_open`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.analysis import left_open, uniqueness
from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.attacks.seen_by_server import seen_of
from gi_core.common.errors import SpecError
from gi_core.settings.ensemble_attacks import SECOND_ORDER
from gi_core.types.updates import Knowledge, Update

PARAMETERS = 1_000_000
"""Parameters of the network up to which the products of a draw are worth their time."""
SLACK = 1.1
"""Factor on the noise as it was read."""
LEAST = 1e-5
"""Least residual that a draw reckons with: rounding of the update."""


def expected_error(
    update: Update, knowledge: Knowledge, images: Tensor, labels: Tensor, residual: float, own: float, matched: bool, cleared: bool
) -> float | None:  # fmt: skip
    """Root mean square in pixels; None where it would take too long, or the labels are none of the network's.

    images (N, C, H, W) in pixels, labels (N,). residual: what they leave of the update, of which `own` is the update's own error. cleared: whether
    its zeros count as not sent. A draw takes a round of several steps for one gradient.
    """
    classes = max(2, knowledge.classes)
    if knowledge.loss in ("own", "multi_label") or not bool(((labels >= 0) & (labels < classes)).all()):
        return None
    std, mean = (torch.tensor(v, dtype=torch.float64).view(-1, 1, 1) for v in (knowledge.std, knowledge.mean))
    x = (images.double().clamp(0, 1) - mean) / std
    if matched:
        try:
            client, seen = seen_of(update, knowledge)
            if uniqueness.product_seconds(client, x, seen) * x.numel() <= uniqueness.SECONDS:
                return uniqueness.examine(client, x, labels.cpu(), own, residual, seen).expected_error
        except SpecError:
            pass  # a round too long to be played again, or pictures tied to their batch
        if x.numel() > left_open.MOST:
            return None  # a draw would end before the directions that show least
    update, knowledge = unscaled(update, knowledge)
    gradient = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    if x.numel() > SECOND_ORDER or sum(t.numel() for t in gradient.tensors.values()) > PARAMETERS:
        return None
    kept = {
        i: ((t != 0) if cleared else torch.ones_like(t)).cpu().double()
        for i, (name, t) in enumerate(gradient.tensors.items())
        if name not in gradient.withheld
    }
    try:
        return left_open.error(knowledge, x, labels, kept, SLACK * own, max(residual, LEAST))
    except (Refused, SpecError):
        return None
