"""The label of a picture that was alone in its bin, and the proof that it was: the bin's size is what this picture sends.

A picture x with label y adds g(x, y) = s sum_p dL/dx_p to q_j, which one forward pass and J s (the slope of the logits as all
pixels grow) give for all labels at once. Of one picture g is q_j - q_{j+1} for one of the labels; a mean of several pictures has its own
logits, and fits none but by chance. The factor that a client puts on its whole update is the one that most bins agree on.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gi_core.attacks.recursion.imprint.reading import Reading
from gi_core.networks.batch_norm import has_batch_norm
from gi_core.networks.imprint import Imprinted
from gi_core.networks.losses import as_target, loss_of
from gi_core.types.updates import Knowledge, Update

CLOSE = 2e-3
"""Relative misfit up to which a label explains a bin, of an exact update."""
AT_ONCE = 16
UNREAD = ("own", "multi_label")
"""Losses of which a picture has no one class."""


@dataclass(frozen=True)
class Proof:
    """labels: (M,) best for each bin. single: (M,) whether the bin's size is that of one picture with this label. factor: what the
    client's update was multiplied by.
    """

    labels: Tensor
    single: Tensor
    factor: float


def prove(reading: Reading, update: Update, knowledge: Knowledge) -> Proof | None:
    """None where a picture's own share cannot be worked out: batch norm mixes the pictures, or no factor fits most bins."""
    if knowledge.loss in UNREAD or not len(reading.at):
        return None
    if knowledge.batch_norm == "train" and has_batch_norm(knowledge.model):
        return None
    expected = _expected(reading, update, knowledge)
    unit = 1.0 if knowledge.schedule is None else knowledge.schedule.scale
    ratio = unit * reading.size[:, None] / expected
    if knowledge.labels is not None and knowledge.labels.dim() == 1:
        there = torch.zeros(expected.shape[1], dtype=torch.bool)
        there[knowledge.labels.cpu()] = True
        ratio[:, ~there] = math.nan
    logs = torch.where(ratio > 0, ratio, math.nan).log().nan_to_num(nan=math.inf)
    room = CLOSE + 4 * reading.unsure
    factor, count = _agreed(logs[reading.plausible], room[reading.plausible])
    if count < max(1, round(0.3 * int(reading.plausible.sum()))):
        return None
    apart, labels = (logs - factor).abs().min(1)
    return Proof(labels, apart < room, math.exp(factor))


def _agreed(logs: Tensor, room: Tensor) -> tuple[float, int]:
    """(log of the factor that most bins agree on, how many do); of equally many the one nearest to no factor."""

    def agree(at: float) -> int:
        return int(((logs - at).abs().amin(1) < room).sum()) if len(logs) else 0

    best = (agree(0.0), 0.0, 0.0)
    if best[0] < 0.5 * len(logs):
        values = logs[torch.isfinite(logs)].sort().values
        width = 2 * float(room.median())
        ends = torch.searchsorted(values, values + width, right=True) - torch.arange(len(values))
        for k in ends.topk(min(20, len(ends))).indices.tolist():
            middle = float(values[k : k + int(ends[k])].median())
            best = max(best, (agree(middle), -abs(middle), middle))
    return best[2], best[0]


def _expected(reading: Reading, update: Update, knowledge: Knowledge) -> Tensor:
    """(M, K): what a picture with each label would add to its bin's size."""
    model: nn.Module = copy.deepcopy(knowledge.model).cpu().double().eval().requires_grad_(False)
    assert isinstance(model, Imprinted)
    step = float(model.front.back.weight[0, 0])
    found = [_of(model, x, step, knowledge) for x in reading.x.split(AT_ONCE)]
    mean = knowledge.terms.reduction == "mean"
    return torch.cat(found) * (1.0 / update.images if mean else 1.0)


def _of(model: Imprinted, x: Tensor, step: float, knowledge: Knowledge) -> Tensor:
    """(n, K) of pictures (n, C, H, W) in the network's units."""
    with torch.enable_grad():
        moved = torch.zeros(len(x), 1, 1, 1, dtype=x.dtype, requires_grad=True)
        logits = model.body(model.front(x) + step * moved)
        probe = torch.zeros_like(logits, requires_grad=True)
        (back,) = torch.autograd.grad((logits * probe).sum(), moved, create_graph=True)
        (slope,) = torch.autograd.grad(back.sum(), probe)  # J s (n, K)
    labels = torch.arange(max(2, logits.shape[1]))
    target = as_target(labels, knowledge.classes, logits)
    loss, found = loss_of(knowledge.loss, knowledge.terms), []
    for z, along in zip(logits.detach(), slope.detach(), strict=True):
        each = z.expand(len(labels), -1).clone().requires_grad_(True)
        with torch.enable_grad():
            (d,) = torch.autograd.grad(loss(each, target), each)
        found.append(d @ along * (len(labels) if knowledge.terms.reduction == "mean" else 1))
    return torch.stack(found)
