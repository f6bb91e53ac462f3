"""The attacker's own proof of a batch: labels by the last layer, then one gradient of the answer beside the update.

The last layer z = W f + b has dL/dW / scale = sum_n (s_n - e_n) f_n^T / N for outputs s and labels e. With pictures whose
features f_n are known, e = (sum_n s_n f_n^T - N dL/dW / scale) F^+ has one column for each picture: no search over labels.
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
    mixed = outputs.T @ features - len(pictures) * weight
    shares = torch.linalg.lstsq(features.T, mixed.T, driver="gelsd").solution.T
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


def overall(misfits: dict[str, float], update: Update) -> float:
    """Relative misfit of the whole update, of those of its tensors."""
    sizes = {name: float(update.tensors[name].double().norm()) for name in misfits}
    total = sum(size**2 for size in sizes.values()) ** 0.5
    return sum((misfits[name] * sizes[name]) ** 2 for name in misfits) ** 0.5 / max(total, 1e-300)
