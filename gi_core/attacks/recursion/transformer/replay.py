"""The attacker's own proof of a batch: labels by the last layer, then one gradient of the answer beside the update.

The last layer z = W f + b has dL/dW / scale = sum_n (s_n - e_n) f_n^T / N for outputs s and labels e. With pictures whose
features f_n are known, N dL/dW / scale F^+ has the column s_n - e_n of each picture: no search over labels. Of probabilities
its least entry is the label's, whatever factor a client put on all; of a squared error s less the column is looked at.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.labels import last_layer
from gi_core.networks import set_batch_norm
from gi_core.networks.prepared import last_layer as last_module
from gi_core.types.updates import Knowledge, Update

UNREAD = ("own", "multi_label")
"""Losses of which a picture has no one class."""


def labels_of(pictures: Tensor, update: Update, knowledge: Knowledge, wanted: Tensor | None) -> Tensor | None:
    """(N,) of pictures (N, C, H, W) in the network's units. wanted: the labels that are known, in any order. None where the
    last layer does not show them.
    """
    if knowledge.loss in UNREAD or not last_layer.sent(update, knowledge)[0]:
        return None
    try:
        weight, _ = last_layer.shown(update, knowledge, ("weight",))
    except Refused:
        return None
    features, logits = _features(pictures, knowledge)
    outputs = last_layer.outputs(knowledge)(logits)
    slopes = len(pictures) * torch.linalg.lstsq(features.T, weight.T, driver="gelsd").solution
    shares = (outputs - slopes if knowledge.loss == "mse" else -slopes / slopes.norm(dim=1, keepdim=True)).T
    if wanted is None:
        return shares.argmax(0)
    wanted = wanted.reshape(-1).cpu()
    rows, order = linear_sum_assignment(-shares[wanted].numpy().astype(np.float64))
    return wanted[torch.from_numpy(rows[np.argsort(order)])]


@torch.no_grad()
def _features(pictures: Tensor, knowledge: Knowledge) -> tuple[Tensor, Tensor]:
    """What the last layer is given and what it gives, float64."""
    model = set_batch_norm(copy.deepcopy(knowledge.model).cpu(), knowledge.batch_norm)
    found = last_module(model)
    assert found is not None  # or its gradient was not sent
    seen: list[Tensor] = []
    handle = found[1].register_forward_hook(lambda _, given, output: seen.extend((given[0], output)))
    try:
        model(pictures.to(next(model.parameters())))
    finally:
        handle.remove()
    return seen[0].double(), seen[1].double()


def beside(own: list[Tensor], seen: list[Tensor]) -> tuple[float, float]:
    """(|a g - g*| / |g*|, a) for the factor a that fits best: a client that scales its update hides nothing by that."""
    product = sum(float((g.double() * s.double()).sum()) for g, s in zip(own, seen, strict=True))
    size, aim = (sum(float(t.double().square().sum()) for t in parts) for parts in (own, seen))
    factor = product / max(size, 1e-300)
    left = sum(float((factor * g - s).double().square().sum()) for g, s in zip(own, seen, strict=True))
    return (left / max(aim, 1e-300)) ** 0.5, factor
