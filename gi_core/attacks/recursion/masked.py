"""A dense layer's gradient of one picture where values were cleared: G = k x^T, dL/db = k, filled in from what was kept.

[G | k] = k (x, 1)^T has rank one, so a few kept values in each row and column determine it. Alternating over those kept:
k_i = sum_j G_ij x_j / sum_j x_j^2 and x_j = sum_i G_ij k_i / sum_i k_i^2. A row or column of which nothing was kept stays
as it was sent, zero.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gi_core.types.updates import Knowledge, Update

ROUNDS = 200
SETTLED = 1e-12
SENT_EXACTLY = ("mask", "kind", "fraction", "layer")
"""What is known of a defense that clears values and leaves the others alone."""


def filled(update: Update, knowledge: Knowledge) -> Update:
    """`update` with the dense layers completed, if it is of one picture and masks are all that is known; else as it is."""
    masks = masks_of(knowledge)
    if update.images != 1 or not masks:
        return update
    tensors = dict(update.tensors)
    for name, gradient in update.tensors.items():
        if not name.endswith(".weight") or gradient.dim() != 2:
            continue
        bias = f"{name.removesuffix('weight')}bias"
        parts = [name, *([bias] if bias in tensors else [])]
        whole = torch.cat([tensors[p].double().view(len(gradient), -1) for p in parts], 1)
        known = torch.cat([kept(masks, p, tensors[p]).view(len(gradient), -1) for p in parts], 1)
        done = complete(whole, known).to(gradient)
        tensors[name] = done[:, : gradient.shape[1]].contiguous()
        if bias in tensors:
            tensors[bias] = done[:, -1].contiguous()
    return replace(update, tensors=tensors)


def masks_of(knowledge: Knowledge) -> list[dict[str, Tensor]]:
    """Of each known defense, where masks are all that is known; else none."""
    exact = all(not set(d) - set(SENT_EXACTLY) for d in knowledge.defenses)
    return [known["mask"] for known in knowledge.defenses if "mask" in known] if exact else []


def kept(masks: list[dict[str, Tensor]], name: str, like: Tensor) -> Tensor:
    """Mask of the values of one tensor that all of these kept."""
    found = torch.ones_like(like, dtype=torch.bool)
    for mask in masks:
        if name in mask:
            found &= mask[name].to(like.device)
    return found


def complete(whole: Tensor, kept: Tensor) -> Tensor:
    """The rank-one matrix (K, D) that agrees with `whole` where `kept`, in least squares; kept values stay as they are."""
    if bool(kept.all()) or not bool((whole * kept).any()):
        return whole
    shown = whole * kept
    row = shown.abs().sum(1).argmax()
    x = shown[row].clone()
    for _ in range(ROUNDS):
        k = _solve(shown, kept, x)
        after = _solve(shown.T, kept.T, k)
        settled = float((after - x).norm()) <= SETTLED * float(after.norm())
        x = after
        if settled:
            break
    return torch.where(kept, whole, torch.outer(_solve(shown, kept, x), x))


def _solve(shown: Tensor, kept: Tensor, x: Tensor) -> Tensor:
    """k (K,) of least squares, zero where nothing of a row was kept that x reaches."""
    size = kept.to(x) @ (x * x)
    return torch.where(size > 0, shown @ x / size.clamp_min(1e-300), torch.zeros_like(size))
