"""A network whose last layer fishes for one class: numbers of the last dense layer only, the layers before it stay.

Row w of class c is kept, all other rows and biases are 0, b_c = -tau. Then p_c = e^(w h - tau) / (K - 1 + e^(w h - tau)) ~ 0,
p_k = 1 / (K - 1) for the others, and with B pictures

    dL_i/dh_i = w (p_ic - [y_i = c]) / B  =  -w / B for pictures of class c,  next to 0 for all others.

Wen et al., Fishing for User Data in Large-Batch Federated Learning via Gradient Magnification, ICML 2022.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.networks.prepared import last_layer

NO_HEAD = (
    "fishing changes the numbers of a last dense layer with a bias, and this network does not end in one: choose"
    " server=honest"
)
DRAW = 23
"""Seed of a softened server's rows."""


def head(model: nn.Module) -> tuple[str, nn.Linear]:
    """(path, layer) of the last dense layer. Raises SpecError where there is none, or it has no bias."""
    found = last_layer(model)
    if found is None or found[1].bias is None:
        raise SpecError(NO_HEAD)
    return found


@torch.no_grad()
def fishing(model: nn.Module, of_class: int, tau: float, softness: float = 0.0) -> nn.Module:
    """A copy of the network that fishes for `of_class`. softness: |w_k| / |w_c| of random rows in place of zeros. Raises SpecError."""
    model = copy.deepcopy(model)
    _, layer = head(model)
    if of_class >= layer.out_features:
        raise SpecError(
            f"the server fishes for class {of_class}, and the network has classes 0 to {layer.out_features - 1}"
        )
    row = layer.weight[of_class].clone()
    if not bool(row.any()):
        raise SpecError(
            f"the last layer's row of class {of_class} is zero, so no gradient passes it: choose another class"
        )
    rest = torch.randn(layer.weight.shape, generator=torch.Generator().manual_seed(DRAW)).to(row)
    layer.weight.copy_(softness * row.norm() * rest / rest.norm(dim=1, keepdim=True))
    layer.bias.zero_()
    layer.weight[of_class] = row
    layer.bias[of_class] = -tau
    return model


def slope(classes: int, of_class: int) -> Tensor:
    """dL/dz (K,) float64 of a picture of the class: 1 / (K - 1) for every other class, and -1."""
    found = torch.full((classes,), 1.0 / (classes - 1), dtype=torch.float64)
    found[of_class] = -1.0
    return found
