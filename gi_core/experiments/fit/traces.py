"""Whether what a client's own pictures leave unexplained is what the defenses as described leave: each has a trace of its own.

Noise: even, of its size, in every tensor and row (`whiteness`). Rounding: the values sent lie on its grid, and there is a
factor a > 0 with |a g_i - q_i| <= w_i / 2 for every value i, w its cells. A protective direction: q - g = s |g| v, with v
in the span of the rows of J, where J is weak. What has not this trace is another client, or a defense that was not applied.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.common.errors import SpecError
from gi_core.defenses.protective_direction import SHIFT, VECTORS
from gi_core.numerics.generators import generator
from gi_core.numerics.picture_jacobian import Sample
from gi_core.types.updates import Knowledge, Update

SLACK = 1e-3
"""What floating point costs, as a share of half a cell, or of a cell off the grid."""
LEFT, WEAK, SIZE = 0.1, 10.0, 0.1
"""Share of a perturbation that may lie outside of the rows of J; times |J v|^2 of a direction that is drawn here; relative
error of its length. Measured on LeNets: 0.005 to 0.02, 0.9 to 1.1 and 1e-3 of true ones; 0.7 to 0.97 of a wrong label and of
noise, and 4,000 to 10,000 times |J v|^2 of another picture.
"""


def kinds(update: Update, knowledge: Knowledge) -> set[str]:
    """Which of {random, rounded, directed} leaves a residual behind these defenses."""
    found = {"rounded"} if update.rounding is not None else set()
    for known in knowledge.defenses:
        found |= {"random"} if known.get("sigma") else set()
        found |= {"rounded"} if "relative_step" in known or "levels" in known else set()
        found |= {"directed"} if known["kind"] == "protective_direction" else set()
    return found


def missing(
    update: Update, knowledge: Knowledge, own: list[Tensor], belief: Belief, exact: float, images: Tensor, labels: Tensor
) -> str:  # fmt: skip
    """Why the residual is not what rounding or a protective direction leaves, as a clause; empty where it is, or where there
    is noise besides, which `whiteness` looks for.

    own, belief: of `explaining.beside`. exact: relative error of the update by itself. images (N, C, H, W) in [0, 1].
    """
    found = kinds(update, knowledge)
    if "directed" in found:
        if found != {"directed"}:
            return "a protective direction beside noise or rounding cannot be told from either"
        return _direction(knowledge, own, belief, images, labels)
    if found == {"rounded"}:
        return _off_grid(update, knowledge) or _outside(own, belief, exact)
    return ""


def _off_grid(update: Update, knowledge: Knowledge) -> str:
    """Why the values sent are not what the rounding makes, a clause; empty where they are. The client's last defense decides."""
    for known in knowledge.defenses[-1:]:
        for name, values in update.tensors.items():
            v = values.detach().double()
            if "relative_step" in known:
                kept = bool((values.to(getattr(torch, known["format"])).to(values.dtype) == values).all())
            elif "steps" in known:
                step = float(known["steps"][name])
                off = (v / step - (v / step).round()).abs().max() if step > 0 else v.new_zeros(())
                kept = float(off) <= SLACK
            else:
                kept = "levels" not in known or len(v[v != 0].abs().unique()) <= 1
            if not kept:
                return f"the values of {name} are not rounded as described"
    return ""


def _outside(own: list[Tensor], belief: Belief, exact: float) -> str:
    """Why no factor puts every value into its cell, a clause; empty where one does. A value known up to an interval must lie in it."""
    lowest, highest = 0.0, float("inf")
    for g, low, high, spread in zip(own, belief.low, belief.high, belief.spread, strict=True):
        g, low, high = (t.detach().double().cpu() for t in (g, low, high))
        half = spread.double().cpu() * 3**0.5 * (1 + SLACK)  # of a cell w: spread^2 = w^2 / 12
        sent = low[torch.isfinite(low) & (low == high)]
        half = half + exact * (float(sent.square().mean().sqrt()) if len(sent) else 0.0)
        sign = torch.where(g < 0, -1.0, 1.0)
        size = (g * sign).clamp_min(1e-300)
        ends = torch.where(g < 0, -high, low) - half, torch.where(g < 0, -low, high) + half
        lowest = max(lowest, float((ends[0] / size).max()))
        highest = min(highest, float((ends[1] / size).min()))
    if lowest > highest:
        return "your own pictures leave more of some values than half a cell of the rounding as described"
    return ""


def _direction(knowledge: Knowledge, own: list[Tensor], belief: Belief, images: Tensor, labels: Tensor) -> str:
    """Why q - g is no multiple of a direction in the rows of J along which J is weak, of the length as described; empty where it is."""
    rest = [low.double() - g.double() for g, low in zip(own, belief.low, strict=True)]
    size, whole = _length(rest), _length(own)
    strength = next(known["strength"] for known in knowledge.defenses if "strength" in known)
    if not abs(size - strength * whole) <= SIZE * strength * whole:
        return f"what is added to the update is {size / whole:.2g} of its length, and {strength:.2g} as described"
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (knowledge.mean, knowledge.std))
    try:
        sample = Sample(knowledge, (images.double().cpu() - mean) / std, labels, own[0].device)
        if [p.shape for p in sample.products.value] != [p.shape for p in own]:
            return "the protective direction cannot be looked for in a part of an update"
        shift = SHIFT * sample.largest()
        unit = [p / size for p in rest]
        pushed = sample.products.j(unit)
        back = sample.products.jt(sample.influence_at(pushed, shift, most=2 * VECTORS))
        left = _length([a - b for a, b in zip(unit, back, strict=True)])
        drawn = torch.randn(sample.size, generator=generator(0, 2), dtype=torch.float64).to(sample.products.x)
        for _ in range(2):
            drawn = sample.influence_at(drawn / drawn.norm(), shift, most=VECTORS)
        weakest = sample.products.jt(drawn)
        weak = float(sample.products.j(weakest).norm()) / _length(weakest)
    except SpecError as error:
        return f"the protective direction cannot be looked for: {error}"
    if not left <= LEFT or not float(pushed.norm()) <= WEAK**0.5 * weak:
        return "what is added to the update does not lie in the span of the protective direction"
    return ""


def _length(parts: list[Tensor]) -> float:
    return float(sum(float(p.double().square().sum()) for p in parts) ** 0.5)
