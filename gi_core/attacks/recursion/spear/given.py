"""The layer that is read, with its numbers: weights, gradients in one common unit, and what enters it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import one_step
from gi_core.attacks.recursion.layers import numbers
from gi_core.attacks.recursion.spear import reading
from gi_core.attacks.recursion.spear.reading import Reading
from gi_core.attacks.recursion.transformer.sent import kept
from gi_core.networks.prepared import last_layer
from gi_core.settings.batch_attacks import Spear
from gi_core.settings.chain import Affine
from gi_core.types.updates import Knowledge, Update


@dataclass(frozen=True)
class Given:
    """layer: dense, followed by ReLU. direct: whether the pictures themselves enter it; above: whether the last layer follows. A round of SGD changes a weight by sums
    of gradients with the same factor for weight and bias, which cancels; weight decay adds a known multiple of the weight.
    """

    settings: Spear
    update: Update
    knowledge: Knowledge
    layer: Affine
    direct: bool
    above: bool

    @property
    def several_steps(self) -> bool:
        """Whether the update is no known factor times one gradient."""
        return self.update.kind == "weight_change" and not one_step(self.knowledge.schedule)

    @property
    def most(self) -> float:
        """z from which the activation is flat."""
        return 6.0 if self.layer.activation is not None and self.layer.activation.kind == "relu6" else float("inf")

    @cached_property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """(W (m, n), c (m,), G (m, n), g (m,) or None where no bias was sent), float64. Raises Refused."""
        layer, update = self.layer, self.update
        bias = f"{layer.batch_norm or layer.name}.bias"
        named = (f"{layer.name}.weight", bias)
        if named[0] in update.withheld or named[0] not in update.tensors:
            raise Refused(f"{named[0]} was not sent, and SPEAR reads nothing else: choose gradient matching")
        plain = replace(update, tensors={**update.tensors, **{n: self._plain(n) for n in named if n in update.tensors}})
        found = numbers(layer, self.knowledge.model, plain)
        weight, offset, gradient = (torch.from_numpy(t) for t in (found.weight, found.bias, found.gradient))
        told = found.bias_gradient is not None and bias not in update.withheld
        across = torch.from_numpy(found.bias_gradient) if told else None
        if not bool(gradient.any()):
            raise Refused(f"the gradient of layer {layer.name} is zero, so it says nothing about the pictures")
        if across is None and not self.direct:
            raise Refused(
                f"{bias} was not sent, so the features behind the convolutions come back without their size: choose gradient matching"
            )
        return weight, offset, gradient.flatten(1), across

    def _plain(self, name: str) -> Tensor:
        """A tensor in a gradient's units, without what weight decay did to it."""
        tensor, schedule = self.update.tensors[name], self.knowledge.schedule
        if self.update.kind == "gradient" or schedule is None:
            return tensor
        before = dict(self.knowledge.model.named_parameters())[name].detach().to(tensor)
        return (tensor - (kept(schedule) - 1.0) * before) * schedule.scale

    @cached_property
    def slope(self) -> Tensor | None:
        """(m,) what all columns of A are multiples of where their units are on: of two classes or one logit right behind the layer,
        dL/dz = c w where w is the difference of the last layer's rows; None elsewhere.
        """
        last = last_layer(self.knowledge.model)
        if not self.above or last is None or self.knowledge.loss not in ("cross_entropy", "logistic", "mse"):
            return None
        weight = last[1].weight.detach().cpu().double()
        if len(weight) > 2 or (len(weight) == 2 and self.knowledge.loss != "cross_entropy"):
            return None
        return weight[0] if len(weight) == 1 else weight[0] - weight[1]

    @cached_property
    def reading(self) -> Reading:
        precision = self.update.tensors[f"{self.layer.name}.weight"].dtype
        return reading.read(self.tensors[2], precision, self.update.images, self.settings.batch)
