"""A client's factor on its loss divided out of what it sent: s (loss scale), and B or B K where it sums over its batch.

s grad L is s times a gradient, and a step of SGD by lr on it is a step by lr s: nothing is lost, and every attack then
sees the plain loss. Where the factor does not come out (Adam, clipping, batches of different sizes, weights of classes
under a sum, known defenses in the update's units), the loss stays as the client has it and is matched so.
"""

from __future__ import annotations

from dataclasses import replace

from gi_core.clients.batches import dealt
from gi_core.networks.bottleneck import bottlenecks
from gi_core.types.loss_terms import PLAIN
from gi_core.types.updates import Knowledge, Update


def unscaled(update: Update, knowledge: Knowledge) -> tuple[Update, Knowledge]:
    """(update, knowledge) of the mean loss without a factor, where that is exact."""
    terms, schedule = knowledge.terms, knowledge.schedule
    if terms == PLAIN or knowledge.defenses:
        return update, knowledge
    factor = terms.scale
    count = _count(update, knowledge) if terms.reduction == "sum" else None
    left = replace(terms, scale=1.0)
    if count is not None:
        factor, left = factor * count, replace(left, reduction="mean")
    if update.kind == "gradient" or schedule is None:
        tensors = {name: t / factor for name, t in update.tensors.items()} if factor != 1 else update.tensors
        return replace(update, tensors=tensors), replace(knowledge, terms=left)
    if schedule.optimiser != "sgd" or schedule.clip_norm is not None or schedule.clip_value is not None:
        return update, knowledge
    plain = replace(
        schedule, learning_rate=schedule.learning_rate * factor, weight_decay=schedule.weight_decay / factor
    )
    return update, replace(knowledge, terms=left, schedule=plain)


def _count(update: Update, knowledge: Knowledge) -> int | None:
    """The sum over a batch divided by its mean; None where that differs from batch to batch."""
    if knowledge.terms.weights is not None and knowledge.loss == "cross_entropy":
        return None  # the mean is over the labels' weights
    if bottlenecks(knowledge.model):
        return None  # its own term is no sum
    size, schedule = update.images, knowledge.schedule
    if update.kind == "weight_change" and schedule is not None:
        size = schedule.batch_size
        parts = [len(part) for part in dealt(update.images, schedule.clients)]
        if any(n % min(size, n) or min(size, n) != size for n in parts):
            return None
    return size * (1 if knowledge.loss == "cross_entropy" else knowledge.classes)
