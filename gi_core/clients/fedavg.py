"""Delta = theta_T - theta_0 after T local steps of SGD, Adam or AdamW: the weight change that FedAvg shares.

McMahan et al., Communication-Efficient Learning, AISTATS 2017. Trained as a client trains, with torch's optimisers, in
float32, so the change is rounded as a real one is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.clients.batches import dealt, epoch_steps, steps_of
from gi_core.clients.fedsgd import plain_step
from gi_core.common.errors import Diverged
from gi_core.defenses.base import StepGradient
from gi_core.networks import own_losses
from gi_core.networks.bottleneck import redrawing
from gi_core.networks.trainable import client_model, outputs
from gi_core.settings import SpecError
from gi_core.settings.client import FedAvg
from gi_core.settings.client_base import Client
from gi_core.settings.losses import Loss
from gi_core.types.loss_terms import Terms
from gi_core.types.schedule import Decay, Schedule
from gi_core.types.updates import Update


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
    each = max(len(part) for part in dealt(images, settings.clients))
    epoch = epoch_steps(each, size, settings.accumulate)
    return Schedule(
        steps, size, settings.learning_rate, settings.optimiser, settings.momentum, settings.clients,
        shuffled=settings.shuffle and steps * settings.accumulate > epoch_steps(each, size), epochs=settings.epochs,
        epoch=epoch, passes=min(steps * settings.accumulate, settings.epochs * epoch_steps(each, size)),
        weight_decay=settings.weight_decay, dampening=settings.dampening, nesterov=settings.nesterov,
        betas=(settings.beta1, settings.beta2), eps=settings.epsilon, decay=decay_of(settings),
        clip_norm=settings.clip_norm, clip_value=settings.clip_value, accumulate=settings.accumulate,
    )  # fmt: skip


def decay_of(settings: FedAvg) -> Decay:
    """How the learning rate changes."""
    return Decay(
        settings.decay, settings.decay_factor, settings.decay_start, settings.decay_period, settings.decay_every
    )


def terms_of(settings: Client) -> Terms:
    """What the client does to its loss."""
    return Terms(
        settings.label_smoothing, settings.weights_of_classes, settings.reduction, settings.loss_scale,
        own_losses.held(settings.own_loss),
    )  # fmt: skip


def train(
    model: nn.Module, inputs: Tensor, labels: Tensor, settings: FedAvg, loss: Loss, draw: torch.Generator,
    step: StepGradient | None = None,
) -> Trained:  # fmt: skip
    """One client's round on all of `inputs` (N, C, H, W) normalised, labels (N,). `model` is left untouched."""
    step = step or plain_step(loss, terms_of(settings))
    model, images = redrawing(client_model(model, settings.batch_norm), draw), len(inputs)
    size, accumulate = min(settings.batch_size or images, images), settings.accumulate
    epoch = epoch_steps(images, size, accumulate)
    steps = settings.epochs * epoch
    steps = steps if settings.steps is None else min(steps, settings.steps)
    optimiser, rates = _optimiser(model, settings), decay_of(settings).rates(settings.learning_rate, steps, epoch)
    total, seen, passes = 0.0, [], 0
    order = steps_of(images, size, steps, accumulate, draw if settings.shuffle else None)
    for rate, parts in zip(rates, order, strict=True):
        optimiser.zero_grad()
        for index in parts:
            index = index.to(inputs.device)
            gradients, value = step(model, inputs[index], labels[index])
            _add(model, gradients, accumulate)
            total, passes = total + value, passes + 1
            seen += index.tolist()
        if settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        if settings.clip_value is not None:
            nn.utils.clip_grad_value_(model.parameters(), settings.clip_value)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
    return Trained(model, steps, torch.tensor(list(dict.fromkeys(seen)), dtype=torch.int64), total / passes)


def _add(model: nn.Module, gradients: list[Tensor], accumulate: int) -> None:
    """A batch's gradients to those of its step, as a loss divided by `accumulate` leaves them."""
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        part = gradient if accumulate == 1 else gradient / accumulate
        parameter.grad = part if parameter.grad is None else parameter.grad + part


def _optimiser(model: nn.Module, o: FedAvg) -> torch.optim.Optimizer:
    if o.optimiser != "sgd":
        adam = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[o.optimiser]
        return adam(model.parameters(), o.learning_rate, (o.beta1, o.beta2), o.epsilon, o.weight_decay)
    return torch.optim.SGD(
        model.parameters(), o.learning_rate, o.momentum, o.dampening, o.weight_decay, nesterov=o.nesterov
    )


@torch.no_grad()
def change(before: nn.Module, after: nn.Module) -> dict[str, Tensor]:
    """theta after - theta before, by name."""
    old = dict(before.named_parameters())
    return {name: (p - old[name]).detach() for name, p in after.named_parameters()}


def statistics(model: nn.Module) -> dict[str, Tensor]:
    """The buffers of every batch norm that tracks its statistics, by their names in the state dict."""
    found: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            found |= {f"{name}.{key}": b.detach().clone() for key, b in module.named_buffers(recurse=False)}
    return found


def weight_change(
    model: nn.Module, inputs: Tensor, labels: Tensor, settings: FedAvg, loss: Loss, draw: torch.Generator,
    step: StepGradient | None = None,
) -> tuple[Update, Tensor]:  # fmt: skip
    """(update, order of the pictures) of a round: the mean change of the clients. step: in place of `plain_step`.

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
def _mean(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(parts) == 1:
        return parts[0]
    return {k: sum((p[k] for p in parts), torch.zeros_like(t)) / len(parts) for k, t in parts[0].items()}
