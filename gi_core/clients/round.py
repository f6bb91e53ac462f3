"""A client's local round: private pictures in, Update and Knowledge out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from gi_core import defenses
from gi_core.clients import fedavg, partial
from gi_core.clients.dropping import dropping
from gi_core.clients.fedsgd import gradient, plain_step
from gi_core.clients.knowledge import knowledge_of
from gi_core.clients.serving import served
from gi_core.clients.several import multi_hot
from gi_core.data import Pictures
from gi_core.networks import bottleneck
from gi_core.networks.batch_norm import has_batch_norm
from gi_core.networks.losses import as_labels
from gi_core.networks.trainable import client_model
from gi_core.settings import Experiment, SpecError, losses
from gi_core.settings.client import FedAvg
from gi_core.types.result_parts import Effect
from gi_core.types.updates import Knowledge, Update

CLIENT_DRAW, CLIENT_DROPS, ADAPTERS = -101, -103, -109
"""Places of what the client draws besides the defenses' own noise (see `defenses.noise_seed`)."""
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


def play_one(
    experiment: Experiment, model: nn.Module, pictures: Pictures, device: str | torch.device,
    memory: Memory | None = None,
) -> Round:  # fmt: skip
    """One round of `experiment.client` on `pictures`, its defenses applied in the order given.

    Order: what the server makes of the network, wrap_model of each defense, local_round of each (the last one outermost), computation
    in float32 on `device`, filter_update of each. `model` is left untouched. memory: what the client's defenses
    keep from round to round by their position, empty before its first; changed in place. Raises SpecError.
    """
    device, client = torch.device(device), experiment.client
    loss = losses.chosen(client.loss, experiment.model.one_logit, client.own_loss)
    active = [defenses.make(s, experiment.seed, i, loss) for i, s in enumerate(experiment.defenses)]
    for i, defense in enumerate(active):
        defense.mean, defense.std = tuple(pictures.mean), tuple(pictures.std)
        if memory is not None:
            defense.recall(memory.get(i, {}))
    inputs = normalised(pictures, device)
    labels = torch.tensor(pictures.labels, dtype=torch.int64, device=device)
    shared = copy.deepcopy(model).to(device=device, dtype=torch.float32).eval()
    shared, fished = served(experiment.server, shared, labels, pictures)
    shared = partial.prepared(client, shared, defenses.noise_seed(experiment.seed, ADAPTERS))
    for defense in active:
        shared = defense.wrap_model(shared)
    private = client_model(shared, client.batch_norm)
    if client.label == "reversed":
        labels = _reversed(private, inputs)
    if loss == "multi_label":
        labels = multi_hot(labels, client.further_labels, experiment.model.outputs(pictures.classes))
    computed, clean, order = _computed(experiment, active, loss, private, inputs, labels)
    same = clean is computed
    computed = partial.sent(client, shared, computed)
    clean = computed if same else partial.sent(client, shared, clean)
    update, effects = _filtered(experiment, active, computed, clean, memory)
    knowledge = knowledge_of(experiment, pictures, shared, update, labels, order, loss, active)
    knowledge = replace(knowledge, fished=fished)
    labels = as_labels(labels) if labels.dim() == 2 else labels  # of several, the first class
    return Round(update, knowledge, labels.cpu(), clean, effects)


def _computed(
    experiment: Experiment, active: Sequence[defenses.Defense], loss: losses.Loss, private: nn.Module, inputs: Tensor,
    labels: Tensor,
) -> tuple[Update, Update, Tensor]:  # fmt: skip
    """(update, what it would be without the defenses of the local round, order of the pictures' first use (N,))."""
    orders: list[Tensor] = []
    step = plain_step(loss, fedavg.terms_of(experiment.client))
    plain = _computation(experiment, loss, orders, step)
    for defense in active:
        step = defense.step_gradient(step)
    compute = _computation(experiment, loss, orders, step)
    for defense in active:
        compute = defense.local_round(compute)
    secret = defenses.noise_seed(experiment.seed, CLIENT_DRAW)
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
    return update, clean, orders[-1]


def _filtered(
    experiment: Experiment, active: Sequence[defenses.Defense], computed: Update, clean: Update, memory: Memory | None
) -> tuple[Update, tuple[Effect, ...]]:
    """(the update as it leaves the client, the effect of each defense)."""
    update = computed
    effects: list[Effect] = []
    for i, (settings, defense) in enumerate(zip(experiment.defenses, active, strict=True)):
        before = update
        update = defense.filter_update(before)
        if settings.hook != "wrap_model":
            pair = (clean, computed) if settings.hook == "local_round" else (before, update)
            effects.append({"kind": settings.kind, **defenses.effect(*pair), **defense.promise(experiment)})
        if memory is not None and (kept := defense.remember()) is not None:
            memory[i] = kept
    if update.withheld:  # noise of a later defense must not stand for what is not sent
        blank = {k: torch.zeros_like(t) if k in update.withheld else t for k, t in update.tensors.items()}
        update = replace(update, tensors=blank)
    return update, tuple(effects)


def _computation(
    experiment: Experiment, loss: losses.Loss, orders: list[Tensor], step: defenses.StepGradient
) -> defenses.LocalRound:
    """What the client computes, the same however often; the order of its pictures goes to `orders`."""
    client = experiment.client
    shares = client.statistics == "shared" and client.batch_norm == "train"

    def compute(model: nn.Module, inputs: Tensor, labels: Tensor) -> Update:
        model = dropping(model, client.dropout, defenses.noise_seed(experiment.seed, CLIENT_DROPS))
        if isinstance(client, FedAvg):
            draw = torch.Generator().manual_seed(defenses.noise_seed(experiment.seed, -1))
            update, order = fedavg.weight_change(model, inputs, labels, client, loss, draw, step)
        else:
            # only batch norm's statistics move in one gradient, and that of a copy, so that `compute` stays repeatable
            private = client_model(model, client.batch_norm) if has_batch_norm(model) else model
            update, order = gradient(private, inputs, labels, loss, step), torch.arange(len(inputs))
            update = replace(update, statistics=fedavg.statistics(private))
        orders.append(order)
        return replace(update, statistics=update.statistics if shares and update.statistics else None)

    return compute


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
