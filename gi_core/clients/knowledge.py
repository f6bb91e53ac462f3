"""What the server has besides the update: the network, how the client trains, and what is known of its defenses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gi_core.clients import fedavg
from gi_core.clients.batches import assumed
from gi_core.data import Pictures
from gi_core.defenses import Defense, noise_seed
from gi_core.networks import bottleneck
from gi_core.settings import Experiment, SpecError
from gi_core.settings.client import FedAvg
from gi_core.settings.losses import Loss
from gi_core.types.updates import Knowledge, Schedule, Update

SERVER_GUESS = -102
"""Place of what the server draws where it must guess the client's draw (see `defenses.noise_seed`)."""


def knowledge_of(
    experiment: Experiment, pictures: Pictures, shared: nn.Module, update: Update, labels: Tensor, order: Tensor,
    loss: Loss, active: Sequence[Defense],
) -> Knowledge:  # fmt: skip
    """What the server knows after the round. Raises SpecError where the attack asks for labels that it does not know.

    shared: the network before the round, which is frozen here. labels (N,) or (N, K), of which `order` (N,) says in which
    order the client first used them. active: the defenses after the round.
    """
    client = experiment.client
    with_labels = experiment.attack.labels == "known"
    if with_labels and not client.labels_known:
        raise SpecError("the attack asks for the labels, which the server does not know: switch client.labels_known on")
    schedule = _schedule(experiment, update, shared)
    bottleneck.guessing(shared, len(labels), noise_seed(experiment.seed, SERVER_GUESS))
    channels, height, width = pictures.images.shape[1:]
    return Knowledge(
        model=_frozen(shared),
        input_shape=(channels, height, width),
        classes=experiment.model.outputs(pictures.classes),
        mean=tuple(pictures.mean),
        std=tuple(pictures.std),
        labels=labels[order.to(labels.device)] if with_labels else None,
        batch_norm=client.batch_norm,
        loss=loss,
        schedule=schedule,
        prior=None if pictures.prior is None else torch.tensor(pictures.prior, dtype=torch.float32),
        defenses=tuple(_in_order(defense.knowledge(schedule), order) for defense in active),
        terms=fedavg.terms_of(client),
        dropout=client.dropout,
    )


def _in_order(known: dict[str, Any], order: Tensor) -> dict[str, Any]:
    """What has a row for each picture, in the order of their first use, as the labels are."""
    rows = [key for key in ("soft_labels", "coefficients") if key in known]
    return known | {key: known[key][order.to(known[key].device)] for key in rows}


def _schedule(experiment: Experiment, update: Update, before: nn.Module) -> Schedule | None:
    """What the server takes the client's schedule to be; None for a gradient."""
    client = experiment.client
    if not isinstance(client, FedAvg):
        return None
    true = fedavg.schedule_of(client, update.images)
    if client.schedule_known:
        return true
    shared, known = update.statistics or {}, dict(before.named_buffers())
    counted = [round(float(t - known[name])) for name, t in shared.items() if name.endswith("num_batches_tracked")]
    return assumed(update.images, counted[0] if counted else None, true)


def _frozen(model: nn.Module) -> nn.Module:
    """The server's copy: no gradients are ever accumulated into it."""
    for parameter in model.parameters():
        parameter.grad = None
    return model.requires_grad_(False)
