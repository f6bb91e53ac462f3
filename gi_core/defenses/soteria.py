"""dL/dW[:, i] = 0 for the share p of a dense layer's input features with the largest |r_i| / ||dr_i/dx||.

Sun et al., Soteria, CVPR 2021: of all changes of so many features of the representation r, clearing these moves the
picture that r is read as farthest. The forward pass, the bias and all other layers stay exact. One mask for the round: of
a batch the score is the mean over its pictures. A picture's norms are exact; those of a batch are root mean squares of
dr/dx v over `PROBES` normal directions v, since E (dr_i/dx v)^2 = ||dr_i/dx||^2, within about 12 % each.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import jvp, vmap
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.common.errors import SpecError
from gi_core.defenses.base import Defense, LocalRound, Sent
from gi_core.networks import set_batch_norm
from gi_core.networks.prepared import facts, last_layer
from gi_core.settings.defense_checks import PIXELS
from gi_core.types.updates import Update

PROBES, AT_ONCE, CHUNK = 32, 8, 64
TINY = 1e-12
Features = Callable[[Tensor], Tensor]
"""Pictures (N, C, H, W) -> what a layer is given of them, (N, D)."""


class Masked(nn.Linear):
    """W x + b whose gradient in W is zero outside `kept` (D,), bool: in every step of the round, whatever the optimiser."""

    kept: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, torch.where(self.kept, self.weight, self.weight.detach()), self.bias)


class Soteria(Defense):
    """Server knows: the defended layer, the share, and the mask of its weight (True where a value was kept)."""

    def local_round(self, compute: LocalRound) -> LocalRound:
        def defended(model: nn.Module, inputs: Tensor, labels: Tensor) -> Update:
            name, fraction = layer_of(model, self.settings.layer), self.settings.fraction
            self.known |= {"layer": name, "fraction": fraction}
            cleared = int(fraction * _dense(model, name).in_features)
            if not cleared:
                return compute(model, inputs, labels)
            scores = sensitivity(model, name, inputs, self.generator)
            kept = torch.ones_like(scores, dtype=torch.bool)
            kept[torch.argsort(scores, descending=True, stable=True)[:cleared]] = False
            model = copy.deepcopy(model)
            layer = _dense(model, name)
            layer.__class__ = Masked  # the same parameters under the same names
            layer.register_buffer("kept", kept, persistent=False)
            self.known["mask"] = {f"{name}.weight": kept.expand(layer.weight.shape).clone()}
            return compute(model, inputs, labels)

        return defended

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        name = f"{layer_of(sent.model, settings.layer)}.weight"
        weight = sent.there.get(name)  # of which whole columns were cleared
        mask = {} if weight is None else {name: (weight != 0).any(0).expand(weight.shape).clone()}
        return {"layer": name.removesuffix(".weight"), "fraction": settings.fraction, "mask": mask}


def layer_of(model: nn.Module, name: str | None) -> str:
    """The dense layer of that name, or the last one; raises SpecError where there is none whose input is features."""
    layers = [(n, m) for n, m in model.named_modules() if next(m.parameters(recurse=False), None) is not None]
    dense = [n for n, m in layers if type(m) is nn.Linear]
    if name and name not in dense:
        known = ", ".join(dense[-8:]) or "none"
        raise SpecError(f"Soteria defends a dense layer, and {name!r} is none of this network: there are {known}")
    last = last_layer(model)
    chosen = name or (last[0] if last is not None else dense[-1] if dense else "")
    in_order = facts(model) is None  # a module of one's own may make its layers in any order; `sensitivity` looks
    if not dense or (chosen == layers[0][0] and (in_order or len(layers) == 1)):
        raise SpecError(PIXELS)
    return chosen


def _dense(model: nn.Module, name: str) -> nn.Linear:
    """The layer of that name, which `layer_of` has found to be dense."""
    layer = model.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    return layer


def sensitivity(model: nn.Module, name: str, inputs: Tensor, draw: torch.Generator) -> Tensor:
    """Mean over pictures (N, C, H, W) of |r_i| / ||dr_i/dx||, (D,): by how much the picture moves per change of r.

    name: of the layer whose input r (N, D) is. draw: of the directions that a batch is probed along. Raises SpecError.
    """
    by_batch = any(isinstance(m, _BatchNorm) and m.training for m in model.modules())
    model = set_batch_norm(model, "train" if by_batch else "eval").requires_grad_(False)
    seen: list[Tensor] = []
    model.get_submodule(name).register_forward_pre_hook(lambda module, given: seen.append(given[0]))

    def features(x: Tensor) -> Tensor:
        seen.clear()
        model(x)
        return seen[0] if seen else x

    with torch.no_grad():
        r = features(inputs)
    if not seen or r.dim() != 2:
        raise SpecError(
            f"Soteria needs a layer with one vector of features for each picture, not {name}: choose another"
        )
    if torch.equal(r, inputs.flatten(1)):
        raise SpecError(PIXELS)
    norms = _exact(features, inputs) if len(inputs) == 1 else _probed(features, inputs, draw)
    return (r.abs() / norms.clamp_min(TINY)).mean(0)


def _exact(features: Features, x: Tensor) -> Tensor:
    """||dr_i/dx|| of one picture, (1, D)."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        r = features(x)
        rows = torch.eye(r.shape[1], dtype=r.dtype, device=r.device)[:, None].split(CHUNK)
        slopes = [torch.autograd.grad(r, x, part, retain_graph=True, is_grads_batched=True)[0] for part in rows]
    return torch.cat(slopes).flatten(1).norm(dim=1)[None]


def _probed(features: Features, x: Tensor, draw: torch.Generator) -> Tensor:
    """The same of each picture of a batch, (N, D), of its slopes in all pictures where batch norm mixes them."""
    squares = torch.zeros(())
    for _ in range(0, PROBES, AT_ONCE):
        directions = torch.randn((AT_ONCE, *x.shape), generator=draw).to(x)
        moved = vmap(lambda v: jvp(features, (x,), (v,))[1])(directions)
        squares = squares.to(moved) + moved.square().sum(0)
    return (squares / PROBES).sqrt()
