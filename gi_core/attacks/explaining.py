"""How much of a recorded update an attack's answer explains, whatever the attack: r = min_a |a g - g*| / |g*|, and its floor.

g is what the client as described would send of the answered pictures and labels, in double precision; a is free, for a
factor hides nothing of a picture. Behind defenses that are known only what contradicts them counts (`attacks.adaptive.beliefs`). The
floor is the update's own precision: rounding, of a change that of the weights, of 16-bit values theirs, and known noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from gi_core.attacks.adaptive.beliefs import Belief, believe, uncovered
from gi_core.attacks.adaptive.knowledge import delta_is_true
from gi_core.attacks.adaptive.noise import SLACK
from gi_core.attacks.adaptive.past_dropout import past_dropout
from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient, mean_step, still
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.attacks.labels.strategies import hard_labels, unit_delta
from gi_core.networks.losses import Loss, as_labels, as_target, loss_of
from gi_core.numerics.gradient import GradientMap, linear_loss
from gi_core.numerics.rounding import ROUNDED
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update
from gi_core.update_files import comparing

MARGIN = 10.0
"""Times the rounding up to which a residual counts as at its floor."""
MATCHED = 1e-3
"""Residual up to which an answer counts as found by whoever searches for a picture; a gate asks for the floor."""
CONFIDENT = 1e-2
"""Size of dL/dlogits of one picture below which its rounding, 2^-24 of a probability, exceeds what counts as matched."""
MOST_STEPS = 64
"""Local steps that are played once more for this."""


def residual(update: Update, knowledge: Knowledge, images: Tensor, labels: Tensor) -> tuple[float, float] | None:
    """(r, a) of pictures (N, C, H, W) in [0, 1], not clamped, and labels (N,); of several rounds, of the one that is explained least."""
    rounds = [*((e.update, e.knowledge) for e in knowledge.earlier), (update, knowledge.alone())]
    found = [beside(sent, known, images, labels) for sent, known in rounds]
    compared_ = [compared(*both) for both in found if both is not None]
    return max(compared_, key=lambda one: one[0]) if len(compared_) == len(rounds) else None


def beside(update: Update, knowledge: Knowledge, images: Tensor, labels: Tensor) -> tuple[list[Tensor], Belief] | None:
    """(what the client as described would send of these pictures, the belief about what it sent), of the tensors sent."""
    update, knowledge = unscaled(update, knowledge)
    knowledge, _ = past_dropout(update, knowledge)
    steps = knowledge.schedule.played * knowledge.schedule.clients if knowledge.schedule else 1
    classes = max(2, knowledge.classes)
    if steps > MOST_STEPS or len(labels) != update.images or not bool(((labels >= 0) & (labels < classes)).all()):
        return None
    if knowledge.terms.own is not None and knowledge.terms.own.targets is None:
        return None
    if knowledge.loss == "multi_label":
        several = label_sets(update, knowledge)
        if several is None:
            return None
        labels = several
    own = sent_by(update, knowledge, images, labels)
    observed = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    names = list(update.tensors)
    belief = believe(observed, knowledge).of([i for i, n in enumerate(names) if n not in update.withheld])
    return [g for g, n in zip(own, names, strict=True) if n not in update.withheld], belief


def label_sets(update: Update, knowledge: Knowledge) -> Tensor | None:
    """(N, K) of pictures with several labels: given, or read off one picture; None where neither is so."""
    if knowledge.labels is not None:
        return knowledge.labels
    try:
        gradient = as_mean_gradient(update, knowledge.schedule, knowledge.model)
        return hard_labels("auto", gradient, knowledge)
    except Refused:
        return None


def compared(own: list[Tensor], belief: Belief) -> tuple[float, float]:
    """(r, a) of g against a belief low <= c g <= high. Tensor by tensor, as a large network's do not fit in memory many times."""
    size = square = along = rest = 0.0
    for g, low, high in _flat(own, belief):
        exact = (low == high) & torch.isfinite(low)
        seen, part = (low, g) if bool(exact.all()) else (low[exact], g[exact])
        size, square, along = size + float(seen @ seen), square + float(part @ part), along + float(part @ seen)
    if not size:
        return float("nan"), float("nan")
    factor = along / square if square > 0 else 0.0
    for g, low, high in _flat(own, belief):
        apart = factor * g
        apart -= low if torch.equal(low, high) else torch.clamp(apart, low, high)
        rest += float(apart @ apart)
    return math.sqrt(rest / size), factor


def _flat(own: list[Tensor], belief: Belief) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """(g, low, high) of each tensor, (p,) in double precision on the CPU."""
    for three in zip(own, belief.low, belief.high, strict=True):
        g, low, high = (t.detach().reshape(-1).double().cpu() for t in three)
        yield g, low, high


def sent_by(update: Update, knowledge: Knowledge, images: Tensor, labels: Tensor) -> list[Tensor]:
    """What the client as described sends of these pictures, in a gradient's units and double precision, one per parameter."""
    device = next(iter(update.tensors.values())).device
    device = torch.device("cpu") if device.type == "mps" else device
    mean, std = (
        torch.tensor(v, dtype=torch.float64, device=device).view(1, -1, 1, 1) for v in (knowledge.mean, knowledge.std)
    )
    x = (images.detach().to(device, torch.float64) - mean) / std
    loss, target = _loss(update, knowledge, labels, x)
    played = GradientMap(knowledge, loss, Plan(), torch.float64, device)

    def gradient(theta: list[Tensor], pictures: Tensor, wanted: Tensor) -> tuple[list[Tensor], Tensor]:
        leaves = [t.detach().requires_grad_(True) for t in theta]
        with torch.enable_grad():
            value = played._one(dict(zip(played.parameters, leaves, strict=True)), pictures, wanted)
            found = torch.autograd.grad(value, leaves, allow_unused=True)
        return [torch.zeros_like(p) if s is None else s for p, s in zip(leaves, found, strict=True)], x.new_zeros(0)

    start = list(played.parameters.values())
    schedule = knowledge.schedule
    if schedule is None or (schedule.single and schedule.clients == 1):
        return gradient(start, x, target)[0]
    return mean_step(gradient, start, x, target, schedule, x.new_zeros(0), update.images, still(update))[0]


def _loss(update: Update, knowledge: Knowledge, labels: Tensor, x: Tensor) -> tuple[Loss, Tensor]:
    """(loss, target) that are played. A picture that the network is sure of has a dL/dlogits of a few roundings of one: what the
    client's own arithmetic made of it is in the last bias, and stands for the label where its sign agrees. Over the classes it sums to nothing,
    unless some of it was not sent.
    """
    plain = loss_of(knowledge.loss, knowledge.terms), as_target(labels.to(x.device), knowledge.classes, x)
    schedule = knowledge.schedule
    if len(labels) > 1 or labels.dim() > 1 or knowledge.loss != "cross_entropy" or knowledge.terms.own is not None:
        return plain
    if not (schedule is None or schedule.single) or not delta_is_true(update, knowledge):
        return plain
    try:
        delta, size = unit_delta(as_mean_gradient(update, schedule, knowledge.model), knowledge)
    except Refused:
        return plain
    whole = size * abs(float(delta.sum())) <= len(delta) * comparing.FLOAT32 if len(delta) > 1 else True
    if size > CONFIDENT or not whole or as_labels(-delta[None]).tolist() != labels.tolist():
        return plain
    return linear_loss, (size * delta).to(x)[None]


def floor(update: Update, knowledge: Knowledge) -> tuple[float, float]:
    """(precision, tolerance): relative error that the update itself has, and up to which a residual counts as at that floor."""
    rounded, noise = rounding(update, knowledge), known_noise(update, knowledge)
    return math.hypot(rounded, noise), math.hypot(MARGIN * rounded, math.sqrt(SLACK) * noise)


def counted(precision: float) -> float:
    """The error to expect of an update of that precision: what is called matched allows for more than one rounding, this counts one."""
    return precision if precision > comparing.FLOAT32 else ROUNDED


def rounding(update: Update, knowledge: Knowledge) -> float:
    """Relative error of the update by floating point: of a gradient, of a change that of the weights, of 16-bit values."""
    sent = [name for name in update.tensors if name not in update.withheld]
    rounded = comparing.FLOAT32
    if knowledge.schedule is not None:
        own = dict(knowledge.model.named_parameters())
        rounded = max(
            rounded, comparing.rounding([own[n].detach().cpu().numpy() for n in sent if n in own], update.norm())
        )
    if any("relative_step" in known for known in knowledge.defenses):
        return rounded  # known of, and counted as noise
    return max(rounded, comparing.grain([update.tensors[n].detach().cpu().numpy() for n in sent]))


def known_noise(update: Update, knowledge: Knowledge) -> float:
    """Expected length of the known noise over that of the update, on the values that were sent."""
    if uncovered(update, knowledge):
        return 0.0
    observed = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    belief = believe(observed, knowledge).of([i for i, n in enumerate(update.tensors) if n not in update.withheld])
    low, high = belief.flat()
    spread = torch.cat([t.reshape(-1) for t in belief.spread]).double()
    exact = (low == high) & torch.isfinite(low)
    size = float(low[exact].double().norm())
    return float(spread[exact].norm()) / size if size else float("inf")
