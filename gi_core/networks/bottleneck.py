"""PRECODE's variational bottleneck: z = mu + scale softplus(s) eps, (mu, s) = W h + b, h' = V z + c, eps ~ N(0, I).

Scheliga et al., PRECODE, WACV 2022. It stands before the last dense layer, and the loss has beta KL besides, with
KL = mean_n sum_j (mu^2 + sigma^2 - 1) / 2 - log sigma, the divergence of N(mu, sigma^2) from N(0, I) in nats. The client
draws eps anew in each forward pass; whoever else runs the network has eps fixed: the mean (zero), or a guess.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


class Bottleneck(nn.Module):
    """(N, D) -> (N, D) through K random features. scale: of the noise. beta: weight of the divergence in the loss.

    `eps` (R, K) is what stands for the draw, repeated over the pictures; no part of the state dict. With `seed` set,
    pass i draws from (seed, i) instead. `penalty`: beta KL of the last pass.
    """

    eps: Tensor

    def __init__(self, features: int, width: int, scale: float, beta: float):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(features, 2 * width), nn.Linear(width, features)
        self.width, self.scale, self.beta = width, scale, beta
        self.seed: int | None = None
        self.passes = 0
        self.penalty: Tensor | None = None
        self.register_buffer("eps", torch.zeros(1, width), persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        mu, s = self.encoder(h).chunk(2, -1)
        sigma = F.softplus(s)
        kl = (0.5 * (mu * mu + sigma * sigma - 1) - sigma.log()).sum(-1).mean()
        self.penalty = self.beta * kl
        return self.decoder(mu + self.scale * sigma * self._noise(mu))

    def _noise(self, like: Tensor) -> Tensor:
        rows = like.shape[0]
        if self.seed is None:
            return self.eps if len(self.eps) == 1 else self.eps.repeat(-(-rows // len(self.eps)), 1)[:rows]
        draw = np.random.default_rng((self.seed, self.passes))
        self.passes += 1
        return torch.from_numpy(draw.standard_normal((rows, self.width), dtype=np.float32)).to(like)

    def __getstate__(self) -> dict[str, Any]:
        """A copy does not keep the graph of the last pass."""
        return {**self.__dict__, "penalty": None}


class Head(nn.Module):
    """The bottleneck and the last dense layer, in its place: so that layer's parameters still come last."""

    def __init__(self, bottleneck: Bottleneck, classifier: nn.Linear):
        super().__init__()
        self.bottleneck, self.classifier = bottleneck, classifier

    def forward(self, h: Tensor) -> Tensor:
        return self.classifier(self.bottleneck(h))


def bottlenecks(model: nn.Module) -> list[Bottleneck]:
    return [m for m in model.modules() if isinstance(m, Bottleneck)]


def insert(model: nn.Module, path: str, width: int, scale: float, beta: float, draw: torch.Generator) -> nn.Module:
    """A copy of `model` with a bottleneck before its dense layer `path`; its weights U(-1/sqrt(fan_in), 1/sqrt(fan_in)),
    torch's default, from `draw`.
    """
    model = copy.deepcopy(model)
    above, _, name = path.rpartition(".")
    parent, layer = model.get_submodule(above), model.get_submodule(path)
    assert isinstance(layer, nn.Linear)
    with torch.random.fork_rng(devices=[]):  # torch's own draw is overwritten; the caller's state stays
        bottleneck = Bottleneck(layer.in_features, width, scale, beta)
    with torch.no_grad():
        for part in (bottleneck.encoder, bottleneck.decoder):
            bound = part.in_features**-0.5
            for parameter in (part.weight, part.bias):
                parameter.copy_((2 * torch.rand(parameter.shape, generator=draw) - 1) * bound)
    head = Head(bottleneck.to(layer.weight), layer).train(model.training)
    setattr(parent, name, head)
    return model


def drawing(model: nn.Module, seed: int) -> nn.Module:
    """`model`, whose bottlenecks draw anew in each pass from now on, from `seed`."""
    for k, part in enumerate(bottlenecks(model)):
        part.seed, part.passes = seed + k, 0
    return model


def redrawing(model: nn.Module, draw: torch.Generator) -> nn.Module:
    """`model`, whose bottlenecks go on with a seed from `draw` if they draw at all: another client draws otherwise."""
    if any(part.seed is not None for part in bottlenecks(model)):
        drawing(model, int(torch.randint(2**40, (), generator=draw)))
    return model


def guessing(model: nn.Module, pictures: int, seed: int) -> nn.Module:
    """`model`, whose bottlenecks keep one draw for so many pictures: the network of a server that has to guess."""
    for k, part in enumerate(bottlenecks(model)):
        draw = np.random.default_rng((seed, k, 1))  # never what a client of that seed draws
        eps = draw.standard_normal((pictures, part.width), dtype=np.float32)
        part.seed, part.eps = None, torch.from_numpy(eps).to(part.eps)
    return model


def at_mean(model: nn.Module) -> nn.Module:
    """A copy of `model` whose bottlenecks pass on their mean, eps = 0: the network of a server that knows of them."""
    return settle(copy.deepcopy(model))


def settle(model: nn.Module) -> nn.Module:
    """Set the bottlenecks of `model` itself to their mean, as `at_mean` does for a copy."""
    for part in bottlenecks(model):
        part.seed, part.eps = None, part.eps.new_zeros(1, part.width)
    return model


def encoded(model: nn.Module) -> tuple[nn.Module, dict[str, str]]:
    """A copy of `model` that ends with its bottleneck's encoder, (N, C, H, W) -> (mu, s) (N, 2 K), and what the parameters
    it has are called in `model`.
    """
    model = copy.deepcopy(model)
    path, head = next((name, m) for name, m in model.named_modules() if isinstance(m, Head))
    above, _, name = path.rpartition(".")
    setattr(model.get_submodule(above), name, head.bottleneck.encoder)
    inside = path + ".bottleneck.encoder."
    return model, {
        n: n.replace(path + ".", inside) if n.startswith(path + ".") else n for n, _ in model.named_parameters()
    }


def penalised(model: nn.Module, loss: Loss) -> Loss:
    """loss(logits, target) + what the bottlenecks of `model` add in the same pass; `loss` itself without any."""
    parts = bottlenecks(model)
    if not parts:
        return loss

    def whole(logits: Tensor, target: Tensor) -> Tensor:
        return loss(logits, target) + sum(p.penalty for p in parts)  # type: ignore[misc]

    return whole
