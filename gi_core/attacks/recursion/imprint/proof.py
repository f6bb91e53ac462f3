"""The label of a picture that was alone in its bin, and the proof that it was: the bin's size is what this picture sends.

A picture x with label y adds g(x, y) = s sum_p dL/dx_p to q_j, which one forward pass and J s (the slope of the logits as all
pixels grow) give for all labels at once. Of one picture g is q_j - q_{j+1} for one of the labels; a mean of several pictures has its own
logits, and fits none but by chance. Of a trap s is its own unit alone. The factor that a client puts on its whole update is the one that most bins agree on.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gi_core.attacks.recursion.imprint.reading import Prepared, Reading
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


def prove(reading: Reading, update: Update, knowledge: Knowledge, source: Prepared) -> Proof | None:
    """None where a picture's own share cannot be worked out: batch norm mixes the pictures, or no factor fits most bins."""
    if knowledge.loss in UNREAD or not len(reading.at):
        return None
    if knowledge.batch_norm == "train" and has_batch_norm(knowledge.model):
        return None
    expected = _expected(reading, update, knowledge, source)
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


def _expected(reading: Reading, update: Update, knowledge: Knowledge, source: Prepared) -> Tensor:
    """(M, K): what a picture with each label would add to its bin's size."""
    model: nn.Module = copy.deepcopy(knowledge.model).cpu().double().eval().requires_grad_(False)
    along = _across if source.bins is not None else partial(_behind, layer=model.get_submodule(source.path))
    parts = zip(reading.x.split(AT_ONCE), reading.at.split(AT_ONCE), strict=True)
    found = [_of_labels(*along(model, x, at), knowledge) for x, at in parts]
    mean = knowledge.terms.reduction == "mean"
    return torch.cat(found) * (1.0 / update.images if mean else 1.0)


def _across(model: nn.Module, x: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """(logits (n, K), their slope as all pixels grow by the second layer's weight) of pictures (n, C, H, W) behind bins."""
    assert isinstance(model, Imprinted)
    step = float(model.front.back.weight[0, 0])
    with torch.enable_grad():
        moved = torch.zeros(len(x), 1, 1, 1, dtype=x.dtype, requires_grad=True)
        return _sloped(model.body(model.front(x) + step * moved), moved)


def _behind(model: nn.Module, x: Tensor, at: Tensor, layer: nn.Module) -> tuple[Tensor, Tensor]:
    """(logits (n, K), their slope as unit `at` (n,) of the layer grows) of pictures (n, C, H, W)."""
    with torch.enable_grad():
        moved = torch.zeros(len(x), dtype=x.dtype, requires_grad=True)

        def move(_: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return output + moved[:, None] * F.one_hot(at, output.shape[1]).to(output)

        handle = layer.register_forward_hook(move)
        try:
            return _sloped(model(x), moved)
        finally:
            handle.remove()


def _sloped(logits: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """(logits, their slope) by two backward derivatives, as not every operation has a forward one."""
    probe = torch.zeros_like(logits, requires_grad=True)
    (back,) = torch.autograd.grad((logits * probe).sum(), moved, create_graph=True)
    (slope,) = torch.autograd.grad(back.sum(), probe)
    return logits.detach(), slope.detach()


def _of_labels(logits: Tensor, slope: Tensor, knowledge: Knowledge) -> Tensor:
    """(n, K): dL/dz along the slope, for each label that a picture may have."""
    labels = torch.arange(max(2, logits.shape[1]))
    target = as_target(labels, knowledge.classes, logits)
    loss, found = loss_of(knowledge.loss, knowledge.terms), []
    for z, along in zip(logits, slope, strict=True):
        each = z.expand(len(labels), -1).clone().requires_grad_(True)
        with torch.enable_grad():
            (d,) = torch.autograd.grad(loss(each, target), each)
        found.append(d @ along * (len(labels) if knowledge.terms.reduction == "mean" else 1))
    return torch.stack(found)
