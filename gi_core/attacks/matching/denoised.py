"""How strongly a first-order matching smooths its picture, where it knows of noise or of missing values."""

from __future__ import annotations

import math
from statistics import mean

import torch

from gi_core.attacks.adaptive import consistent, noise
from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.attacks.matching.regularisers import Smoothing
from gi_core.attacks.objectives import length
from gi_core.attacks.observation import Observation
from gi_core.settings.attacks import Matching
from gi_core.types.updates import Knowledge


def denoised(
    o: Matching, belief: Belief, seen: Observation, images: int, knowledge: Knowledge
) -> tuple[Smoothing, list[str]]:
    """(the total variation of `adaptive.noise.variation_weight` where that is more than was asked, a notice then).

    images: behind the update.
    """
    belief = belief.of(seen.sent)
    sigma, trust = belief.noise(consistent.most_trust(o.second_order))
    shown = [seen.gradients[i] for i in seen.sent]
    values = sum(t.numel() for t in shown)
    size = length(shown) if trust is None else length([torch.cat([t.reshape(-1) for t in shown])], [trust])
    if belief.boxed and not sigma and o.second_order:
        sigma = noise.MISSING * size * belief.missing()
    picture = images * math.prod(knowledge.input_shape)
    weight = noise.variation_weight(o.objective, sigma, size, values, picture, mean(knowledge.std))
    if weight is None or weight <= o.total_variation:
        return Smoothing(o.total_variation), []
    weight /= consistent.unit(o.objective, shown, belief)
    said = f"total variation has weight {weight:.1e}, as the known defenses call for"
    return Smoothing(weight, rounded=o.second_order), [said]
