"""The client's loss against a target (N, K): class probabilities, or (N, 1) in [0, 1] for one logit.

Definitions in `settings.losses`. What a client does to its loss besides (`Terms`) is torch's: with smoothing e, weights w,
    cross-entropy   -sum_n sum_k w_k ((1 - e) t_nk + e / K) log softmax(z_n)_k / sum_n sum_k w_k t_nk   (Szegedy et al., 2016)
    multi_label     mean_nk softplus(z) (1 + (w_k - 1) t) - ... as `BCEWithLogitsLoss(pos_weight=w)`
and `sum` leaves the division out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gi_core.types.loss_terms import PLAIN, Terms

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over pictures of -sum_k t_k log softmax(z)_k; logits, target (N, K), t on the simplex."""
    return -(target * torch.log_softmax(logits, -1)).sum(-1).mean()


def logistic(logits: Tensor, target: Tensor) -> Tensor:
    """Mean of -t log sigmoid(z) - (1 - t) log sigmoid(-z); logits, target (N, 1), or (N, K) of several labels."""
    return (F.softplus(logits) - target * logits).mean()


def squared(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over pictures and outputs of (z - t)^2."""
    return ((logits - target) ** 2).mean()


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy, "logistic": logistic, "mse": squared, "multi_label": logistic,
}  # fmt: skip


def loss_of(name: str, terms: Terms = PLAIN) -> Loss:
    """The loss of that name as this client has it; exactly `LOSSES[name]` for a client that does nothing to it. One of a
    person's own has its targets, so the one given is not looked at.
    """
    if terms.own is not None:
        own = terms.own
        return lambda logits, target: own(logits)
    plain = LOSSES[name]
    if terms == PLAIN:
        return plain
    whole = _smoothed(terms) if name == "cross_entropy" else _several(terms) if name == "multi_label" else None
    if whole is None:
        count = 1 if terms.reduction == "mean" else None
        return lambda logits, target: plain(logits, target) * (terms.scale * (count or logits.numel()))
    return whole


def _smoothed(terms: Terms) -> Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        soft = target * (1 - terms.smoothing) + terms.smoothing / logits.shape[-1]
        weights = terms.of_classes(logits)
        total = -((soft if weights is None else soft * weights) * torch.log_softmax(logits, -1)).sum()
        if terms.reduction == "mean":
            total = total / (len(logits) if weights is None else (weights * target).sum())
        return total * terms.scale

    return loss


def _several(terms: Terms) -> Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        weights = terms.of_classes(logits)
        wrong = F.softplus(-logits) if weights is None else F.softplus(-logits) * (1 + (weights - 1) * target)
        value = (1 - target) * logits + wrong
        return (value.mean() if terms.reduction == "mean" else value.sum()) * terms.scale

    return loss


def trained(name: str, logits: Tensor, labels: Tensor, terms: Terms = PLAIN) -> Tensor:
    """The same for labels (N,) or (N, K), by torch's own functions: what a client computes, before `terms.scale`."""
    weights, how = terms.of_classes(logits), terms.reduction
    if name == "cross_entropy":
        labels = labels if labels.dim() == 1 else labels.to(logits.dtype)
        return F.cross_entropy(logits, labels, weights, reduction=how, label_smoothing=terms.smoothing)
    target = as_target(labels, logits.shape[1], logits)
    if name == "mse":
        return F.mse_loss(logits, target, reduction=how)
    return F.binary_cross_entropy_with_logits(logits, target, pos_weight=weights, reduction=how)


def as_target(labels: Tensor, outputs: int, like: Tensor) -> Tensor:
    """Labels (N,) to a target (N, K) in the dtype and device of `like`: one-hot, or 0 and 1 for one output. Soft labels
    (N, K) are a target already.
    """
    labels = labels.to(like.device)
    if labels.dim() == 2:
        return labels.to(like.dtype)
    return (labels[:, None] if outputs == 1 else F.one_hot(labels, outputs)).to(like.dtype)


def soft(label_logits: Tensor, loss: str = "cross_entropy") -> Tensor:
    """Free numbers (..., K) to a target: softmax over classes, sigmoid for one output or several labels."""
    several = label_logits.shape[-1] == 1 or loss == "multi_label"
    return torch.sigmoid(label_logits) if several else torch.softmax(label_logits, -1)


def as_labels(target: Tensor) -> Tensor:
    """Target or its free numbers (..., K) to labels (...): the largest class, or whether above zero for one output."""
    return (target[..., 0] > 0).long() if target.shape[-1] == 1 else target.argmax(-1)
