"""A client's local round: private pictures in, Update and Knowledge out."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import gi_core.defenses as defenses
from gi_core.federated.fedsgd import gradient
from gi_core.federated.types import Knowledge, Update
from gi_core.spec import SpecError, losses

if TYPE_CHECKING:
    from gi_core.data import Pictures
    from gi_core.spec import Experiment

ROUNDS: dict[str, defenses.LocalRound] = {"fedsgd": gradient}


@dataclass(frozen=True)
class Round:
    """update, knowledge: all an attack gets. effects: one dict of plain numbers for each defense
    that filters the update (`defenses.effect`), for the person who watches, never for the attack.
    labels: (N,) those the client trained with, which its setting may have reversed. clean: the update
    before defenses filtered it.
    """

    update: Update
    knowledge: Knowledge
    labels: Tensor
    clean: Update
    effects: tuple[dict[str, Any], ...] = ()


def play(experiment: Experiment, model: nn.Module, pictures: Pictures, device: str | torch.device) -> Round:
    """The round of `experiment.client` on `pictures`, its defenses applied in the order given.

    Order: wrap_model of each defense, local_round of each (the last one outermost), computation
    in float32 on `device`, filter_update of each. `model` is left untouched. Raises SpecError.
    """
    from gi_core.models import set_batch_norm

    device = torch.device(device)
    loss = losses.chosen(experiment.client.loss, experiment.model.one_logit)
    active = [defenses.make(s, experiment.seed, i, loss) for i, s in enumerate(experiment.defenses)]
    shared = copy.deepcopy(model).to(device=device, dtype=torch.float32).eval()
    for defense in active:
        shared = defense.wrap_model(shared)
    compute: defenses.LocalRound = partial(ROUNDS[experiment.client.kind], loss=loss)
    for defense in active:
        compute = defense.local_round(compute)

    labels = torch.tensor(pictures.labels, dtype=torch.int64, device=device)
    private = set_batch_norm(shared, experiment.client.batch_norm).requires_grad_(True)  # a copy
    if experiment.client.label == "reversed":
        labels = _reversed(private, normalised(pictures, device))
    try:
        inputs = normalised(pictures, device)
        update = clean = compute(private, inputs, labels)
        if any(settings.hook == "local_round" for settings in experiment.defenses):
            clean = partial(ROUNDS[experiment.client.kind], loss=loss)(private, inputs, labels)
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        raise SpecError(
            "batch norm in train mode needs more than one value per channel: add pictures or use eval"
        ) from None
    effects = []
    for settings, defense in zip(experiment.defenses, active, strict=True):
        before = update
        update = defense.filter_update(before)
        if settings.hook == "filter_update":
            effects.append({"kind": settings.kind, **defenses.effect(before, update)})

    told = experiment.attack.labels == "known"
    if told and not experiment.client.labels_known:
        raise SpecError("the attack asks for the labels, which the server does not know: switch client.labels_known on")
    knowledge = Knowledge(
        model=_frozen(shared),
        input_shape=tuple(pictures.images.shape[1:]),
        classes=experiment.model.outputs(pictures.classes),
        mean=tuple(pictures.mean),
        std=tuple(pictures.std),
        labels=labels.clone() if told else None,
        batch_norm=experiment.client.batch_norm,
        loss=loss,
        defenses=tuple(defense.known for defense in active),
    )
    return Round(update, knowledge, labels.cpu(), clean, tuple(effects))


@torch.no_grad()
def _reversed(model: nn.Module, inputs: Tensor) -> Tensor:
    """The label that a network of one output gets wrong: 0 where it says more than zero, else 1."""
    return (model(inputs)[:, 0] <= 0).long()


def normalised(pictures: Pictures, device: torch.device) -> Tensor:
    """(x - mean) / std per channel, (N, C, H, W) float32: what the network is given."""
    shape = (1, -1, 1, 1)
    x = torch.tensor(pictures.images, dtype=torch.float32)
    mean = torch.tensor(pictures.mean, dtype=torch.float32).view(shape)
    std = torch.tensor(pictures.std, dtype=torch.float32).view(shape)
    return ((x - mean) / std).to(device)


def _frozen(model: nn.Module) -> nn.Module:
    """The server's copy: no gradients are ever accumulated into it."""
    for parameter in model.parameters():
        parameter.grad = None
    return model.requires_grad_(False)
