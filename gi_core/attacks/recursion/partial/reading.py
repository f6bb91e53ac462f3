"""The input h of the first layer that trains, of one picture, from what was sent of it.

Head, z = W h + b: dL/dW = k h^T with k = dL/dz, which is the bias gradient or follows from the loss (`recursion.top`).
Adapter, z = (W + B A) h + b with B not zero: dL/dA = B^T k h^T has h's direction v in every row, and dL/dB = k (A h)^T. The number s of
h = s v is left open by both, as (k / c, c h) sends the same; k is what the layers behind make of h, so s is where g(s v) is what was sent.
With B = 0, dL/dA is zero and A h alone shows.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from gi_core.attacks.base import Refused
from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.partial.features import first_adapted, given
from gi_core.attacks.recursion.top import candidates
from gi_core.networks.adapters import A
from gi_core.networks.losses import as_target, loss_of
from gi_core.networks.prepared import last_layer
from gi_core.settings.partial_attacks import NO_HEAD, SEVERAL_POSITIONS, ZERO_B
from gi_core.types.updates import Knowledge, Update

ALIKE = 1e-3
"""Second singular value of dL/dA over the first, up to which it is of one input."""
AS_WELL = 1e-6
"""Misfit up to which two inputs explain what was sent alike."""
DECADES, STEPS = 4, 161
"""s is looked for from 10^-DECADES to 10^DECADES times the root of the input's values, at so many points."""
MIXED = "the adapter's gradient is not that of one picture's input, so its rows have no direction in common"


@dataclass(frozen=True)
class Read:
    """path: of the layer. value: its input (D,), float64. label: class, -1 where none is read. misfit: |g - g*| / |g*| of what that sends."""

    path: str
    value: Tensor
    label: int
    misfit: float


def read(update: Update, knowledge: Knowledge, label: int | None) -> list[Read]:
    """All that explain what was sent as well, the best first: with two classes (h, label) may send what (-h, the other) sends.

    label: where it is known. Raises Refused.
    """
    sent = [name for name in update.tensors if name not in update.withheld]
    adapters = any(name.rpartition(".")[2] == A for name in sent)
    reads = _adapter(update, knowledge, label, sent) if adapters else _head(update, knowledge, label, sent)
    reads.sort(key=lambda one: one.misfit)
    return [one for one in reads if one.misfit <= max(AS_WELL, 3 * reads[0].misfit)]


def _head(update: Update, knowledge: Knowledge, label: int | None, sent: list[str]) -> list[Read]:
    found = last_layer(knowledge.model)
    if found is None or f"{found[0]}.weight" not in sent:
        raise Refused(NO_HEAD)
    path, layer = found
    outputs = len(layer.weight)
    bias = _array(layer.bias) if layer.bias is not None else np.zeros(outputs)
    told = f"{path}.bias" in sent
    numbers = Numbers(
        _array(layer.weight), bias, _array(update.tensors[f"{path}.weight"]), _array(update.tensors[f"{path}.bias"]) if told else None,
        np.ones(outputs, bool),
    )  # fmt: skip
    tail = _Tail(update, knowledge, path, sent)
    tries = candidates(numbers, knowledge.loss, None, label, "both")
    return [_with(tail, torch.from_numpy(c.x), c.label if label is None else label) for c in tries]


def _adapter(update: Update, knowledge: Knowledge, label: int | None, sent: list[str]) -> list[Read]:
    first = first_adapted(knowledge.model, knowledge.input_shape)
    assert first is not None  # its gradient was sent
    path, _, shape = first
    if len(shape) != 2:
        raise Refused(SEVERAL_POSITIONS)
    gradient = update.tensors[f"{path}.{A}"].detach().cpu().double()
    if not bool(gradient.any()):
        raise Refused(ZERO_B)
    _, sizes, right = torch.linalg.svd(gradient, full_matrices=False)
    if len(sizes) > 1 and float(sizes[1]) > ALIKE * float(sizes[0]):
        raise Refused(MIXED)
    tail = _Tail(update, knowledge, path, sent)
    labels = range(max(2, knowledge.classes)) if label is None else (label,)
    return [_scaled(tail, sign * right[0], k) for k in labels for sign in (1.0, -1.0)]


def _scaled(tail: _Tail, direction: Tensor, label: int) -> Read:
    """s > 0 by a grid, then to the last digit about its best point."""
    grid = np.linspace(-DECADES, DECADES, STEPS) + 0.5 * np.log10(len(direction))
    e = min(grid, key=lambda e: tail.misfit(10**e * direction, label))
    width = grid[1] - grid[0]
    found = minimize_scalar(
        lambda e: tail.misfit(10**e * direction, label), bounds=(e - width, e + width), method="bounded",
        options={"xatol": 1e-12, "maxiter": 200},
    )  # fmt: skip
    return _with(tail, 10 ** float(found.x) * direction, label)


def _with(tail: _Tail, value: Tensor, label: int) -> Read:
    return Read(tail.path, value, label, tail.misfit(value, label) if label >= 0 else float("inf"))


class _Tail:
    """What the client sends where a layer's input is a given one."""

    def __init__(self, update: Update, knowledge: Knowledge, path: str, sent: list[str]):
        self.path, self.classes = path, knowledge.classes
        self.model: nn.Module = copy.deepcopy(knowledge.model).double().cpu().eval().requires_grad_(True)
        self.loss = loss_of(knowledge.loss, knowledge.terms)
        named = dict(self.model.named_parameters())
        self.leaves = [named[name] for name in sent]
        self.wanted = torch.cat([update.tensors[name].detach().cpu().double().reshape(-1) for name in sent])
        self.nothing = torch.zeros(1, *knowledge.input_shape, dtype=torch.float64)

    def misfit(self, value: Tensor, label: int) -> float:
        """|g - g*| / |g*|."""
        with given(self.model, self.path) as held:
            held.append(value[None])
            logits = self.model(self.nothing)
            loss = self.loss(logits, as_target(torch.tensor([label]), self.classes, logits))
            found = torch.autograd.grad(loss, self.leaves, allow_unused=True)
        parts = [torch.zeros_like(p) if g is None else g for p, g in zip(self.leaves, found, strict=True)]
        apart = torch.cat([p.reshape(-1) for p in parts]) - self.wanted
        left = float(apart.norm() / self.wanted.norm())
        return left if np.isfinite(left) else float("inf")


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
