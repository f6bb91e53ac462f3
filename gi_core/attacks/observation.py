"""What the server observed, made ready to be matched: gradients, the loss they belong to, its target.

With an observed delta the loss is <delta, f(x)> and everything is divided by |dL/dlogits|, so that
a confidently classified sample is matched on the same scale as any other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gi_core.attacks.adaptive.beliefs import Belief, believe, uncovered
from gi_core.attacks.adaptive.knowledge import mixed_labels
from gi_core.attacks.base import Refused
from gi_core.attacks.labels import strategies
from gi_core.networks.bottleneck import bottlenecks
from gi_core.networks.losses import Loss, as_labels, as_target, loss_of
from gi_core.numerics.gradient import linear_loss, soft_loss
from gi_core.types.updates import Knowledge, Update


@dataclass(frozen=True)
class Observation:
    """gradients: one tensor per parameter. target: (N, K) of the loss, None when label logits are
    optimised jointly. labels: (N,) recovered, None likewise. norms: L2 of each gradient; size: of all. sent: places of
    the gradients that were sent, all but the withheld ones. unit: what the update's tensors were multiplied by.
    """

    gradients: list[Tensor]
    loss: Loss
    target: Tensor | None
    labels: Tensor | None
    norms: list[float]
    sent: list[int]
    unit: float = 1.0

    @property
    def size(self) -> float:
        return sum(n * n for n in self.norms) ** 0.5

    def read(self) -> tuple[Tensor, Tensor]:
        """(target, labels), which every strategy but `joint` reads."""
        assert self.target is not None and self.labels is not None
        return self.target, self.labels


def observe(
    update: Update, knowledge: Knowledge, strategy: str, dtype: torch.dtype, device: torch.device
) -> Observation:
    """The observation under a label strategy (see `settings.attacks`). Raises Refused."""
    refuse_bad_update(update.norm())
    gradients = [t.detach().to(device, dtype) for t in update.tensors.values()]
    loss, target, labels, unit = loss_of(knowledge.loss, knowledge.terms), None, None, 1.0
    if strategy == "observed_delta":
        delta, size = strategies.unit_delta(update, knowledge)
        if bottlenecks(knowledge.model):
            delta, size = delta * size, 1.0  # what a bottleneck adds to the loss keeps its own scale
        gradients, unit = [t / size for t in gradients], 1.0 / size
        loss, target, labels = linear_loss, delta.to(device, dtype)[None], as_labels(-delta[None]).cpu()
        if knowledge.labels is not None:
            labels = knowledge.labels
        elif knowledge.loss == "own":
            labels = torch.zeros(1, dtype=torch.int64)  # it has targets, not classes
        elif knowledge.loss == "multi_label" or knowledge.terms.smoothing:
            labels = strategies.hard_labels("auto", update, knowledge)
    elif strategy == "joint":
        if knowledge.loss == "own":
            raise Refused("no label is searched for with a loss of your own: give labels, which choose labels=known")
        loss = soft_loss(loss, knowledge.loss)
    else:
        labels = strategies.hard_labels(strategy, update, knowledge)
        soft = mixed_labels(knowledge) if strategy == "known" else None
        target = as_target(labels, knowledge.classes, gradients[0]) if soft is None else soft.to(gradients[0])
    if labels is not None and labels.dim() == 2:
        labels = as_labels(labels)  # of several, the first class
    norms = [float(t.double().norm()) for t in gradients]
    sent = [i for i, name in enumerate(update.tensors) if name not in update.withheld]
    return Observation(gradients, loss, target, labels, norms, sent, unit)


def belief_of(update: Update, knowledge: Knowledge, seen: Observation, scale: float = 1.0) -> Belief | None:
    """The belief about `seen.gradients` times `scale`; None where that is the update itself.

    An observed delta has the factor of the update, which cancels.
    """
    if uncovered(update, knowledge):
        return None
    belief = believe(update, knowledge)
    if seen.unit != 1.0:
        belief = replace(belief, rescaled=False)
    return None if belief.plain else belief.scaled(seen.unit * scale, seen.gradients[0])


def refuse_bad_update(norm: float) -> None:
    """Raises Refused for an update that holds no signal."""
    if not norm < float("inf"):
        raise Refused("the update holds values that are not finite, so there is nothing to match")
    if norm == 0:
        why = "a perfectly fitted or dead network, or everything pruned"
        raise Refused(f"the update is zero everywhere: it says nothing about the picture ({why})")


def refuse_too_large(what: str, numbers: int, dtype: torch.dtype, device: torch.device) -> None:
    """Raises Refused when so many numbers would take over half of the device's memory."""
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory
    else:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = numbers * dtype.itemsize
    if needed > memory / 2:
        raise Refused(
            f"{what} would take {needed / 2**30:.0f} GB of the device's {memory / 2**30:.0f} GB:"
            " choose smaller pictures, fewer pictures or trials, or a shorter memory"
        )
