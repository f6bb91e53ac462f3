"""Labels of pictures that were told apart, how many of the client's pictures each stands for, and their gradient as proof.

Equal pictures share a direction: a_i is the sum of theirs. With d_i = dL_i/dz of picture i alone, a_i = (n_i / N) d_i, so

    n_i = N <a_i, d_i> / <d_i, d_i>.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.observation import observe
from gi_core.attacks.recursion.transformer import replay
from gi_core.numerics.gradient import GradientMap
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

CPU = torch.device("cpu")


def labels_of(pictures: Tensor, update: Update, knowledge: Knowledge, known: bool) -> Tensor | None:
    """(b,) of pictures in the network's units; known: whether the server has the labels, in whatever order."""
    if knowledge.loss in replay.UNREAD:
        return None
    update = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    return replay.labels_of(pictures, update, knowledge, knowledge.labels if known else None)


def gradients(
    pictures: Tensor, labels: Tensor, update: Update, knowledge: Knowledge, plan: Plan
) -> tuple[list[str], list[Tensor], list[Tensor]]:
    """(names, gradients of these pictures (b, C, H, W) in the network's units, gradients that were sent), float64."""
    seen = observe(update, replace(knowledge, labels=labels), "known", torch.float64, CPU)
    found = GradientMap(knowledge, seen.loss, plan, torch.float64, CPU)(pictures[None], seen.read()[0][None])
    names = list(update.tensors)
    return (
        [names[i] for i in seen.sent], [found[i].detach()[0] for i in seen.sent], [seen.gradients[i] for i in seen.sent],
    )  # fmt: skip


def counts(
    pictures: Tensor, labels: Tensor, a: Tensor, name: str, update: Update, knowledge: Knowledge, plan: Plan
) -> list[int] | None:
    """n_i of each picture; a (m, b), name: of the bias that a is the gradient of. None where they do not add up."""
    seen = observe(update, replace(knowledge, labels=labels), "known", torch.float64, CPU)
    at = list(update.tensors).index(name)
    target = seen.read()[0]
    alone = GradientMap(knowledge, seen.loss, plan, torch.float64, CPU)(pictures[:, None], target[:, None], [at])
    d = alone[0].detach().reshape(len(pictures), -1)
    share = update.images * (a.T * d).sum(1) / d.square().sum(1).clamp_min(1e-300)
    found = [max(1, round(float(n))) for n in share]
    fits = all(abs(float(n) - k) < 0.2 for n, k in zip(share, found, strict=True))
    return found if fits and sum(found) <= update.images else None
