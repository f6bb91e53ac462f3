"""What one picture's gradient shows besides the picture: the label behind a changed loss, and which features were dropped.

With dL/dW = d h^T and dL/db = d of the last dense layer, h = (dL/dW)^T d / |d|^2 gives the logits z = W h + b, so the label
is the one whose dL/dz(z, label) is d. This holds under label smoothing too, which can change the signs of d, and under
weights of classes. Features that were dropped have a column of zeros in dL/dW.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.labels.last_layer import last_gradients, sent
from gi_core.networks.losses import loss_of
from gi_core.numerics.gradient import last_dense
from gi_core.types.updates import Knowledge, Update

ROUNDED = 1e-3
"""A dropped feature may be as large as this share of the largest one, by rounding."""


def label_by_logits(update: Update, knowledge: Knowledge) -> Tensor | None:
    """(1,) int64: the label whose dL/dz is nearest to the one observed; None where weight or bias was not sent."""
    layer = last_dense(knowledge.model)
    if layer is None or not all(sent(update, knowledge)) or knowledge.classes == 1:
        return None
    weight, bias = last_gradients(update, knowledge)
    assert bias is not None
    delta, rows = bias.detach().double().cpu(), weight.detach().double().cpu()
    length = float(delta @ delta)
    if not 0 < length < float("inf"):
        return None
    features = rows.T @ delta / length
    z = features @ layer.weight.detach().double().cpu().T + layer.bias.detach().double().cpu()
    loss, off = loss_of(knowledge.loss, knowledge.terms), []
    for label in range(knowledge.classes):
        leaf = z[None].clone().requires_grad_(True)
        target = torch.zeros(1, knowledge.classes, dtype=torch.float64)
        target[0, label] = 1.0
        if knowledge.terms.weights is not None and not knowledge.terms.weights[label]:
            off.append(float("inf"))  # a picture of this class leaves no gradient
            continue
        (slope,) = torch.autograd.grad(loss(leaf, target), leaf)
        off.append(float((slope[0] - delta).norm()))
    return torch.tensor([min(range(len(off)), key=off.__getitem__)])


def several_labels(delta: Tensor) -> Tensor:
    """dL/dz (K,) of one picture under binary cross-entropy -> (1, K), 1 for every label it has: there it is negative."""
    return (delta < 0).to(torch.float32).cpu()[None]


def kept_features(update: Update, knowledge: Knowledge) -> Tensor | None:
    """(D,) 1 where a feature of the single picture was not dropped; None where that does not show."""
    schedule = knowledge.schedule
    one = update.images == 1 and one_step(schedule)
    if not one or knowledge.defenses or not sent(update, knowledge)[0]:
        return None
    plain = as_mean_gradient(update, schedule, knowledge.model)
    sizes = last_gradients(plain, knowledge, ("weight",))[0].detach().abs().amax(0)
    decays = schedule is not None and schedule.weight_decay > 0  # taken out again, it leaves its rounding
    kept = sizes > (ROUNDED * float(sizes.max()) if decays else 0.0)
    return kept.float().cpu() if not bool(kept.all()) and bool(kept.any()) else None
