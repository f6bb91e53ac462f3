"""The client's loss against a target (N, K): class probabilities, or (N, 1) in [0, 1] for one logit.

Definitions in `spec.losses`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over pictures of -sum_k t_k log softmax(z)_k; logits, target (N, K), t on the simplex."""
    return -(target * torch.log_softmax(logits, -1)).sum(-1).mean()


def logistic(logits: Tensor, target: Tensor) -> Tensor:
    """Mean of -t log sigmoid(z) - (1 - t) log sigmoid(-z); logits, target (N, 1)."""
    return (F.softplus(logits) - target * logits).mean()


def squared(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over pictures and outputs of (z - t)^2."""
    return ((logits - target) ** 2).mean()


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "logistic": logistic, "mse": squared}


def as_target(labels: Tensor, outputs: int, like: Tensor) -> Tensor:
    """Labels (N,) to a target (N, K) in the dtype and device of `like`: one-hot, or 0 and 1 for one output. Soft labels
    (N, K) are a target already.
    """
    labels = labels.to(like.device)
    if labels.dim() == 2:
        return labels.to(like.dtype)
    return (labels[:, None] if outputs == 1 else F.one_hot(labels, outputs)).to(like.dtype)


def soft(label_logits: Tensor) -> Tensor:
    """Free numbers (..., K) to a target: softmax over classes, sigmoid for one output."""
    return torch.sigmoid(label_logits) if label_logits.shape[-1] == 1 else torch.softmax(label_logits, -1)


def as_labels(target: Tensor) -> Tensor:
    """Target or its free numbers (..., K) to labels (...): the largest class, or whether above zero for one output."""
    return (target[..., 0] > 0).long() if target.shape[-1] == 1 else target.argmax(-1)
