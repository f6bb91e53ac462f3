"""dL/dW[:, i] = 0 for the share p of a dense layer's input features with the largest |r_i| / ||dr_i/dx||.

Sun et al., Soteria, CVPR 2021: of all changes of so many features of the representation r, clearing these moves the
picture that r is read as farthest. The forward pass, the bias and all other layers stay exact. One mask for the round: of
a batch the score is the mean over its pictures of |r_ni| / ||d(sum_m r_mi)/dx_n||, which is each picture's own where
pictures do not mix (they do in batch norm's train mode); of more than `MOST` pictures so many, evenly spaced, decide.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gi_core.defenses.base import Defense, LocalRound
from gi_core.spec.base import SpecError
from gi_core.spec.defense_checks import PIXELS

if TYPE_CHECKING:
    from gi_core.federated.types import Update

MOST, CHUNK = 8, 64
TINY = 1e-12


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
            cleared = int(fraction * model.get_submodule(name).in_features)
            if not cleared:
                return compute(model, inputs, labels)
            scores = sensitivity(model, name, inputs)
            kept = torch.ones_like(scores, dtype=torch.bool)
            kept[torch.argsort(scores, descending=True, stable=True)[:cleared]] = False
            model = copy.deepcopy(model)
            layer = model.get_submodule(name)
            layer.__class__ = Masked  # the same parameters under the same names
            layer.register_buffer("kept", kept, persistent=False)
            self.known["mask"] = {f"{name}.weight": kept.expand(layer.weight.shape).clone()}
            return compute(model, inputs, labels)

        return defended


def layer_of(model: nn.Module, name: str) -> str:
    """The dense layer of that name, or the last one; raises SpecError where there is none whose input is features."""
    layers = [(n, m) for n, m in model.named_modules() if next(m.parameters(recurse=False), None) is not None]
    dense = [n for n, m in layers if type(m) is nn.Linear]
    if name and name not in dense:
        known = ", ".join(dense[-8:]) or "none"
        raise SpecError(f"Soteria defends a dense layer, and {name!r} is none of this network: there are {known}")
    if not dense or (name or dense[-1]) == layers[0][0]:
        raise SpecError(PIXELS)
    return name or dense[-1]


def sensitivity(model: nn.Module, name: str, inputs: Tensor) -> Tensor:
    """Mean over pictures of |r_i| / ||dr_i/dx||, (D,): by how much the picture moves per change of r. Raises SpecError."""
    every = max(1, -(-len(inputs) // MOST))
    model, x = copy.deepcopy(model), inputs[::every].detach().requires_grad_(True)
    seen: list[Tensor] = []
    model.get_submodule(name).register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.enable_grad():
        model(x)
        if not seen or seen[0].dim() != 2:
            raise SpecError(
                f"Soteria needs a layer with one vector of features for each picture, not {name}: choose another"
            )
        r = seen[0]
        units = torch.eye(r.shape[1], dtype=r.dtype, device=r.device)
        norms = []
        for rows in units.split(CHUNK):
            wanted = rows[:, None, :].expand(-1, len(x), -1)
            (slopes,) = torch.autograd.grad(r, x, wanted, retain_graph=True, is_grads_batched=True)
            norms.append(slopes.flatten(2).norm(dim=2))
    return (r.detach().abs().T / torch.cat(norms).clamp_min(TINY)).mean(1)
