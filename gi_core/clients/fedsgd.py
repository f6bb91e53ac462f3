"""g = d/dtheta (1/N) sum_n L(f_theta(x_n), y_n): the gradient that FedSGD shares.

McMahan et al., Communication-Efficient Learning, AISTATS 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gi_core.common.errors import Diverged
from gi_core.defenses.base import StepGradient
from gi_core.networks.bottleneck import penalised
from gi_core.networks.losses import LOSSES, as_target, trained
from gi_core.settings import SpecError
from gi_core.settings.losses import Loss
from gi_core.types.loss_terms import PLAIN, Terms
from gi_core.types.updates import Update


def gradient(
    model: nn.Module, inputs: Tensor, labels: Tensor, loss: Loss = "cross_entropy", step: StepGradient | None = None
) -> Update:
    """One FedSGD round. inputs: (N, C, H, W) normalised; labels: (N,) int64, or soft (N, K); loss: a name of `settings.losses`.

    step: what stands for `plain_step(loss)`. A parameter that does not reach the loss has a zero gradient. Raises
    SpecError for a label that the model has no output for and for a gradient that is not finite.
    """
    values, _ = (step or plain_step(loss))(model, inputs, labels)
    tensors = {name: g for (name, _), g in zip(model.named_parameters(), values, strict=True)}
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise Diverged("the client's gradient is not finite: choose other weights or another initialisation")
    return Update(tensors=tensors, images=len(labels))


def plain_step(loss: Loss, terms: Terms = PLAIN) -> StepGradient:
    """(model, inputs, labels) -> (d/dtheta of the mean loss, zeros where it does not depend on theta; the loss).

    terms: what the client does to its loss, which is then no mean.
    """

    def step(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[list[Tensor], float]:
        parameters = list(model.parameters())
        with torch.enable_grad():
            logits = model(inputs)
            if terms.own is not None:
                return _slopes(terms.own(logits), parameters)
            classes = logits.shape[1] if loss == "cross_entropy" else max(2, logits.shape[1])
            if int(labels.max()) >= classes:
                raise SpecError(
                    f"label {int(labels.max())} is out of range: the network has classes 0 to {classes - 1}"
                )
            if terms != PLAIN or loss == "multi_label":
                value = terms.scale * penalised(model, lambda z, y: trained(loss, z, y, terms))(logits, labels)
            elif loss == "cross_entropy":
                value = penalised(model, F.cross_entropy)(logits, labels)
            else:
                target = as_target(labels, logits.shape[1], logits)
                value = penalised(model, LOSSES[loss])(logits, target)
            return _slopes(value, parameters)

    return step


def _slopes(value: Tensor, parameters: Sequence[Tensor]) -> tuple[list[Tensor], float]:
    """(d value / d theta, zeros where it does not depend on theta; value)."""
    found = torch.autograd.grad(value, parameters, allow_unused=True)
    gradients = [torch.zeros_like(p) if g is None else g.detach() for p, g in zip(parameters, found, strict=True)]
    return gradients, float(value.detach())
