"""A picture from its own features behind the convolutions, which are known exactly: one small search for each picture.

    x = argmin |phi(x) - f|^2 / |f|^2 + tau TV(x),   tau falling

L-BFGS from faint noise; phi is the network up to the input of the dense layer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gi_core.attacks.recursion.residual.annealing import descend
from gi_core.attacks.recursion.residual.shallow import variation
from gi_core.networks import set_batch_norm

SMOOTHNESS = (1e-1, 1e-2, 1e-3, 0.0)
"""tau, for pixels in [0, 1] and the mean of the variation over the picture."""
FAINT = 1e-2


class _Reached(Exception):
    """Ends a forward pass at the layer: what follows it is not needed."""

    def __init__(self, features: Tensor):
        super().__init__()
        self.features = features


def _stop(_: nn.Module, given: tuple[Tensor]) -> None:
    raise _Reached(given[0])


class Features:
    """phi of one network. layer: path of the dense layer that is given them."""

    def __init__(self, model: nn.Module, layer: str):
        self.model = set_batch_norm(model, "eval").cpu().double().requires_grad_(False)
        self.model.get_submodule(layer).register_forward_pre_hook(_stop)

    def __call__(self, x: Tensor) -> Tensor:
        """x (C, H, W) in the network's units -> (n,)."""
        try:
            self.model(x[None])
        except _Reached as reached:
            return reached.features.flatten()
        raise AssertionError("the layer is passed, as the network was traced")


def start(shape: tuple[int, ...], seed: int) -> Tensor:
    """At zeros every unit of a fresh network without biases stands at its kink."""
    return FAINT * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def searched(features: Features, wanted: Tensor, x: Tensor, stage: int, spread: Tensor, iterations: int) -> Tensor:
    """x (C, H, W) improved at one stage; wanted f (n,); spread (C, 1, 1): of a pixel's unit in the network's."""
    tau, size = SMOOTHNESS[stage], wanted.square().sum().clamp_min(1e-300)

    def loss(y: Tensor) -> Tensor:
        off = (features(y) - wanted).square().sum() / size
        return off + tau * variation(y, spread) / y[0].numel() if tau else off

    return descend(loss, x, iterations)


def misfit(features: Features, wanted: Tensor, x: Tensor) -> float:
    """|phi(x) - f| / |f|."""
    with torch.no_grad():
        return float((features(x) - wanted).norm() / wanted.norm().clamp_min(1e-300))
