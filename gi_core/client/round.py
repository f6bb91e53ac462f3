"""A client's local round: private pictures in, Update and Knowledge out."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gi_core import defenses
from gi_core.client import fedavg
from gi_core.client.batches import assumed
from gi_core.client.dropping import dropping
from gi_core.client.fedsgd import gradient, plain_step
from gi_core.client.several import multi_hot
from gi_core.networks import bottleneck
from gi_core.networks.losses import as_labels
from gi_core.networks.trainable import client_model
from gi_core.settings import SpecError, losses
from gi_core.types.result_parts import Effect
from gi_core.types.updates import Knowledge, Schedule, Update

if TYPE_CHECKING:
    from gi_core.data import Pictures
    from gi_core.settings import Experiment


CLIENT_DRAW, SERVER_GUESS, CLIENT_DROPS = -101, -102, -103
"""Places of what is drawn besides the defenses' own noise (see `defenses.noise_seed`)."""
Memory = dict[int, dict[str, Tensor]]
"""What one client keeps between rounds: position of a defense -> what it remembers (`Defense.remember`)."""


@dataclass(frozen=True)
class Round:
    """update, knowledge: all an attack gets. effects: one of each defense, for the person who watches, never for the attack.
    labels: (N,) those the client trained with, which its setting may have reversed. clean: the update
    before defenses filtered it.
    """

    update: Update
    knowledge: Knowledge
    labels: Tensor
    clean: Update
    effects: tuple[Effect, ...] = ()


def play(
    experiment: Experiment, model: nn.Module, pictures: Pictures, device: str | torch.device,
    memory: Memory | None = None,
) -> Round:  # fmt: skip
    """The round of `experiment.client` on `pictures`, its defenses applied in the order given.

    Order: wrap_model of each defense, local_round of each (the last one outermost), computation
    in float32 on `device`, filter_update of each. `model` is left untouched. memory: what the client's defenses
    keep from round to round by their position, empty before its first; changed in place. Raises SpecError.
    """
    device, client, secret = torch.device(device), experiment.client, defenses.noise_seed(experiment.seed, CLIENT_DRAW)
    loss = losses.chosen(client.loss, experiment.model.one_logit)
    active = [defenses.make(s, experiment.seed, i, loss) for i, s in enumerate(experiment.defenses)]
    for i, defense in enumerate(active):
        defense.mean, defense.std = tuple(pictures.mean), tuple(pictures.std)
        if memory is not None:
            defense.recall(memory.get(i, {}))
    shared = copy.deepcopy(model).to(device=device, dtype=torch.float32).eval()
    for defense in active:
        shared = defense.wrap_model(shared)

    inputs = normalised(pictures, device)
    labels = torch.tensor(pictures.labels, dtype=torch.int64, device=device)
    private = client_model(shared, client.batch_norm)
    if client.label == "reversed":
        labels = _reversed(private, inputs)
    terms = fedavg.terms_of(client)
    if loss == "multi_label":
        labels = multi_hot(labels, client.further_labels, experiment.model.outputs(pictures.classes))
    orders: list[Tensor] = []
    step = plain_step(loss, terms)
    plain = _computation(experiment, loss, orders, step)
    for defense in active:
        step = defense.step_gradient(step)
    compute = _computation(experiment, loss, orders, step)
    for defense in active:
        compute = defense.local_round(compute)
    try:
        update = clean = compute(bottleneck.drawing(private, secret), inputs, labels)
        if any(settings.hook == "local_round" for settings in experiment.defenses):
            clean = plain(bottleneck.drawing(private, secret), inputs, labels)
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        raise SpecError(
            "batch norm in train mode needs more than one value per channel: add pictures or use eval"
        ) from None
    computed = update
    effects: list[Effect] = []
    for i, (settings, defense) in enumerate(zip(experiment.defenses, active, strict=True)):
        before = update
        update = defense.filter_update(before)
        if settings.hook != "wrap_model":
            pair = (clean, computed) if settings.hook == "local_round" else (before, update)
            effects.append({"kind": settings.kind, **defenses.effect(*pair), **defense.told(experiment)})
        if memory is not None and (kept := defense.remember()) is not None:
            memory[i] = kept
    if update.withheld:  # noise of a later defense must not stand for what is not sent
        blank = {k: torch.zeros_like(t) if k in update.withheld else t for k, t in update.tensors.items()}
        update = replace(update, tensors=blank)

    told = experiment.attack.labels == "known"
    if told and not client.labels_known:
        raise SpecError("the attack asks for the labels, which the server does not know: switch client.labels_known on")
    schedule = _schedule(experiment, update, shared)
    bottleneck.guessing(shared, len(inputs), defenses.noise_seed(experiment.seed, SERVER_GUESS))
    knowledge = Knowledge(
        model=_frozen(shared),
        input_shape=tuple(pictures.images.shape[1:]),
        classes=experiment.model.outputs(pictures.classes),
        mean=tuple(pictures.mean),
        std=tuple(pictures.std),
        labels=labels[orders[-1].to(device)] if told else None,
        batch_norm=client.batch_norm,
        loss=loss,
        schedule=schedule,
        prior=None if pictures.prior is None else torch.tensor(pictures.prior, dtype=torch.float32),
        defenses=tuple(_in_order(defense.knowledge(schedule), orders[-1]) for defense in active),
        terms=terms,
        dropout=client.dropout,
    )
    labels = as_labels(labels) if labels.dim() == 2 else labels  # of several, the first class
    return Round(update, knowledge, labels.cpu(), clean, tuple(effects))


def _in_order(known: dict[str, Any], order: Tensor) -> dict[str, Any]:
    """What has a row for each picture, in the order of their first use, as the labels are."""
    rows = {key: known[key][order.to(known[key].device)] for key in ("soft_labels", "coefficients") if key in known}
    return {**known, **rows}


def _computation(
    experiment: Experiment, loss: losses.Loss, orders: list[Tensor], step: defenses.StepGradient
) -> defenses.LocalRound:
    """What the client computes, the same however often; the order of its pictures goes to `orders`."""
    client = experiment.client
    told = client.statistics == "shared" and client.batch_norm == "train"

    def compute(model: nn.Module, inputs: Tensor, labels: Tensor) -> Update:
        model = dropping(model, client.dropout, defenses.noise_seed(experiment.seed, CLIENT_DROPS))
        if client.sends == "weight_change":
            draw = torch.Generator().manual_seed(defenses.noise_seed(experiment.seed, -1))
            update, order = fedavg.weight_change(model, inputs, labels, client, loss, draw, step)
        else:
            private = client_model(model, client.batch_norm)
            update, order = gradient(private, inputs, labels, loss, step), torch.arange(len(inputs))
            update = replace(update, statistics=fedavg.statistics(private))
        orders.append(order)
        return replace(update, statistics=update.statistics if told and update.statistics else None)

    return compute


def _schedule(experiment: Experiment, update: Update, before: nn.Module) -> Schedule | None:
    """What the server takes the client's schedule to be; None for a gradient."""
    client = experiment.client
    if client.sends == "gradient":
        return None
    true = fedavg.schedule_of(client, update.images)
    if client.schedule_known:
        return true
    told, known = update.statistics or {}, dict(before.named_buffers())
    counted = [round(float(t - known[name])) for name, t in told.items() if name.endswith("num_batches_tracked")]
    return assumed(update.images, counted[0] if counted else None, true)


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
