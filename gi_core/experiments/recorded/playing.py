"""A round that was recorded elsewhere, as `clients.play` would have left it: from files in place of a client."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from gi_core import defenses
from gi_core.clients import Knowledge, Round, Update, fedavg
from gi_core.clients.batches import assumed, epoch_steps
from gi_core.clients.knowledge import SERVER_GUESS
from gi_core.clients.serving import count_of, served
from gi_core.clients.several import multi_hot
from gi_core.data import Pictures
from gi_core.defenses.reading import not_sent, read_defense
from gi_core.experiments.recorded.comparison import compare
from gi_core.networks.bottleneck import guessing
from gi_core.networks.losses import as_labels
from gi_core.settings import Experiment, SpecError, losses
from gi_core.settings.client import AnyClient, FedAvg
from gi_core.types.result_parts import UpdateFacts
from gi_core.types.updates import Schedule
from gi_core.update_files.round import read_update


def opened(
    experiment: Experiment, model: nn.Module, pictures: Pictures, device: torch.device
) -> tuple[Round, tuple[str, ...], UpdateFacts]:
    """(round, notices, facts) of `experiment.recorded`; `model` has the checkpoint's weights. Raises SpecError.

    The client's settings decide what the server knows: the statistics only if shared in train mode, the labels only
    if the experiment gives them, and of the defenses what a server would read off the update. The counters of batch norm decide how
    many steps there were, and the update comes in the units of the client as described (`comparison`). facts: of
    `read_update` and of `comparison`.
    """
    recorded, client = experiment.recorded, experiment.client
    assert recorded is not None
    given = experiment.attack.labels == "known"
    if given and experiment.labels is None:
        raise SpecError(
            "the labels behind a recorded update are not known: give them, or choose another label strategy"
        )
    sparse = any(d.hides_zeros() for d in experiment.defenses)
    update, info = read_update(model, recorded, client.sends, sparse)
    shared = client.statistics == "shared" and client.batch_norm == "train"
    schedule, notices = _schedule(client, update.images, info["steps"], shared)
    notices = (*info["notices"], *notices, *_mode(client, model, update, shared))
    tensors = {name: t.to(device) for name, t in update.tensors.items()}
    statistics = {name: t.to(device) for name, t in (update.statistics or {}).items()}
    widths = update.rounding and {name: t.to(device) for name, t in update.rounding.items()}
    seen = statistics if shared and statistics else None
    update = replace(update, tensors=tensors, statistics=seen, rounding=widths)
    labels = torch.tensor(pictures.labels, dtype=torch.int64)
    said = tuple(_known(experiment, model, update, schedule))
    update = not_sent(update, said)
    frozen = copy.deepcopy(model).to(device=device, dtype=torch.float32).eval()
    frozen, fished = served(experiment.server, frozen, labels, pictures)
    frozen = frozen.requires_grad_(False)
    loss, known = losses.chosen(client.loss, experiment.model.one_logit, client.own_loss), labels
    if loss == "multi_label":
        known = multi_hot(labels, client.further_labels, experiment.model.outputs(pictures.classes))
        labels = as_labels(known)
    knowledge = Knowledge(
        model=guessing(frozen, update.images, defenses.noise_seed(experiment.seed, SERVER_GUESS)),
        input_shape=tuple(pictures.images.shape[1:]),
        classes=experiment.model.outputs(pictures.classes),
        mean=tuple(pictures.mean),
        std=tuple(pictures.std),
        labels=known.to(device) if given else None,
        batch_norm=client.batch_norm,
        loss=loss,
        schedule=schedule,
        prior=None if pictures.prior is None else torch.tensor(pictures.prior, dtype=torch.float32),
        defenses=said,
        terms=fedavg.terms_of(client),
        dropout=client.dropout,
        fished=None if fished is None else replace(fished, count=count_of(update, frozen, fished.of_class, schedule)),
    )
    found = compare(update, knowledge)
    facts: UpdateFacts = {
        "scheme": info["scheme"], "table": [list(pair) for pair in info["table"]], "cosine": info["cosine"],
        "ratio": info["ratio"], "whole": info["whole"], "frozen": info["frozen"], **found.facts,
    }  # fmt: skip
    return Round(found.update, found.knowledge, labels, found.update), (*notices, *found.notices), facts


def _known(
    experiment: Experiment, model: nn.Module, update: Update, schedule: Schedule | None
) -> Iterator[dict[str, Any]]:
    """What the server knows of each defense: what is built into the network, and for the others what the update shows."""
    for place, settings in enumerate(experiment.defenses):
        if settings.hook == "wrap_model":
            defense = defenses.make(settings, experiment.seed, place)
            defense.wrap_model(model)
            yield defense.knowledge(schedule)
        else:
            yield read_defense(settings, model, update, schedule)


def _schedule(
    client: AnyClient, images: int, counted: int | None, shared: bool
) -> tuple[Schedule | None, tuple[str, ...]]:
    """(what the server takes the schedule to be, notices); None for a gradient."""
    if not isinstance(client, FedAvg):
        return None, ()
    said = fedavg.schedule_of(client, images)
    if not client.schedule_known:
        return assumed(images, counted if shared else None, said), ()
    if counted is None or counted == said.played or said.accumulate > 1:
        return said, ()
    each = -(-images // client.clients)
    several = counted > epoch_steps(each, said.batch_size)
    notice = (
        f"batch norm's counters say {counted} local steps, the client's settings {said.steps}: the counters are taken"
    )
    return replace(said, steps=counted, epochs=0, passes=0, shuffled=client.shuffle and several), (notice,)


def _mode(client: AnyClient, model: nn.Module, update: Update, shared: bool) -> tuple[str, ...]:
    """Whether the files fit the client's batch norm mode."""
    if shared and update.statistics is None:
        return ("there are no batch norm statistics in these files",)
    if update.statistics is None:
        return ()
    before: dict[str, Any] = dict(model.named_buffers())
    moved = any(_moved(before[name], t) for name, t in update.statistics.items() if "running" in name)
    if moved and client.batch_norm == "eval":
        return ("batch norm's statistics moved in this round, so the client trained with client.batch_norm=train",)
    if not moved and client.batch_norm == "train":
        return ("batch norm's statistics did not move in this round, as with client.batch_norm=eval",)
    return ()


def _moved(before: Tensor, after: Tensor) -> bool:
    return not torch.allclose(before.cpu().float(), after.float(), rtol=1e-5, atol=1e-7)
