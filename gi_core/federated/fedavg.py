"""Delta = theta_T - theta_0 after T local steps of SGD or Adam: the weight change that FedAvg shares.

McMahan et al., Communication-Efficient Learning, AISTATS 2017. Trained as a client trains, with torch's optimisers, in
float32, so the change is rounded as a real one is.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.defenses.base import StepGradient
from gi_core.federated.batches import batches, dealt, epoch_steps
from gi_core.federated.fedsgd import plain_step
from gi_core.federated.types import Schedule, Update
from gi_core.models.bottleneck import redrawing
from gi_core.spec import SpecError
from gi_core.spec.base import Diverged
from gi_core.spec.client import FedAvg
from gi_core.spec.losses import Loss


@dataclass(frozen=True)
class Trained:
    """model: after the round. steps: taken. order: pictures in the order of their first use. loss: mean over steps."""

    model: nn.Module
    steps: int
    order: Tensor
    loss: float


def schedule_of(settings: FedAvg, images: int) -> Schedule:
    """The true schedule of a round on so many pictures, dealt out among the clients."""
    steps, size = settings.local_steps(images)
    many = steps > epoch_steps(max(len(part) for part in dealt(images, settings.clients)), size)
    return Schedule(
        steps, size, settings.learning_rate, settings.optimiser, settings.momentum, settings.clients,
        shuffled=settings.shuffle and many,
    )  # fmt: skip


def client_model(model: nn.Module, mode: str) -> nn.Module:
    """A trainable copy in eval mode, but for batch norm in `train`, which then tracks its running statistics."""
    model = copy.deepcopy(model).eval().requires_grad_(True)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.train(mode == "train")
    return model


def train(
    model: nn.Module, inputs: Tensor, labels: Tensor, settings: FedAvg, loss: Loss, draw: torch.Generator,
    step: StepGradient | None = None,
) -> Trained:  # fmt: skip
    """One client's round on all of `inputs` (N, C, H, W) normalised, labels (N,). `model` is left untouched."""
    step = step or plain_step(loss)
    model, images = redrawing(client_model(model, settings.batch_norm), draw), len(inputs)
    size = min(settings.batch_size or images, images)
    steps = settings.epochs * epoch_steps(images, size)
    steps = steps if settings.steps is None else min(steps, settings.steps)
    optimiser = _optimiser(model, settings)
    total, seen = 0.0, []
    for index in batches(images, size, steps, draw if settings.shuffle else None):
        index = index.to(inputs.device)
        gradients, value = step(model, inputs[index], labels[index])
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
        total += value
        seen += index.tolist()
    return Trained(model, steps, torch.tensor(list(dict.fromkeys(seen)), dtype=torch.int64), total / steps)


def _optimiser(model: nn.Module, settings: FedAvg) -> torch.optim.Optimizer:
    if settings.optimiser == "adam":
        return torch.optim.Adam(model.parameters(), settings.learning_rate)
    return torch.optim.SGD(model.parameters(), settings.learning_rate, settings.momentum)


@torch.no_grad()
def change(before: nn.Module, after: nn.Module) -> dict[str, Tensor]:
    """theta after - theta before, by name."""
    old = dict(before.named_parameters())
    return {name: (p - old[name]).detach() for name, p in after.named_parameters()}


def statistics(model: nn.Module) -> dict[str, Tensor]:
    """The buffers of every batch norm that tracks its statistics, by their names in the state dict."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            found |= {f"{name}.{key}": b.detach().clone() for key, b in module.named_buffers(recurse=False)}
    return found


def weight_change(
    model: nn.Module, inputs: Tensor, labels: Tensor, settings: FedAvg, loss: Loss, draw: torch.Generator,
    step: StepGradient | None = None,
) -> tuple[Update, Tensor]:  # fmt: skip
    """(update, order of the pictures) of a round: the mean change of the clients. step: in place of `plain_step(loss)`.

    Raises SpecError.
    """
    highest, classes = int(labels.max()), max(2, outputs(model, inputs))
    if highest >= classes:
        raise SpecError(f"label {highest} is out of range: the network has classes 0 to {classes - 1}")
    if settings.clients > len(inputs):
        raise SpecError(
            f"{len(inputs)} pictures cannot be dealt out among {settings.clients} clients: give more pictures"
        )
    changes, buffers, orders = [], [], []
    for part in dealt(len(inputs), settings.clients):
        rows = torch.tensor(list(part), device=inputs.device)
        done = train(model, inputs[rows], labels[rows], settings, loss, draw, step)
        changes.append(change(model, done.model))
        buffers.append(statistics(done.model))
        unseen = sorted(set(range(len(part))) - set(done.order.tolist()))
        orders.append(part.start + torch.cat([done.order, torch.tensor(unseen, dtype=torch.int64)]))
    tensors = _mean(changes)
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise Diverged("the client's training diverged: choose a smaller learning rate, fewer steps or other weights")
    return Update(tensors, len(inputs), "weight_change", _mean(buffers)), torch.cat(orders)


@torch.no_grad()
def outputs(model: nn.Module, inputs: Tensor) -> int:
    """Of the network, on pictures like `inputs`."""
    return client_model(model, "eval")(inputs[:1]).shape[1]


def _mean(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(parts) == 1:
        return parts[0]
    return {k: sum(p[k] for p in parts) / len(parts) for k in parts[0]}
