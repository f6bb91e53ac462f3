"""What an update shows before anything is attacked: pictures behind it, noise, zeros, rounding, statistics.

The weight gradient of the last dense layer is sum_n delta_n h_n^T: of rank N at most, for N pictures of one gradient. What is left
beside its N largest singular values is no picture's, and sizes the noise: sigma^2 = sum_{i > N} s_i^2 / ((K - N) (F - N)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median_low
from typing import Any

import torch

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.labels.certainty import certain
from gi_core.attacks.labels.guesses import guesses
from gi_core.attacks.labels.last_layer import last_gradients
from gi_core.attacks.labels.strategies import BATCHES, automatic, hard_labels
from gi_core.common.errors import SpecError
from gi_core.networks.tracing import trace
from gi_core.types.updates import Knowledge, Update
from gi_core.update_files import comparing

QUIET = 1e-5
"""Relative noise below which there is none but rounding."""
GAP, COUNTED = 20.0, 50
"""Of n values about zero the least is near median / n. How many times that, in half of the tensors of so many values, says that the smallest
were cleared."""
CLEARED = 0.02
"""Share of zeros in every tensor from which values count as cleared: a dead ReLU clears whole rows of some."""


@dataclass(frozen=True)
class Reading:
    """noise: relative to the update, 0 where it does not show. cleared: whether its zeros are values that were not sent. kinked:
    whether the network's functions have jumps in their slope, or may have. said: sentences for a person. pruned: the defense that the
    zeros show, as a server would know of it; None where they may be a ReLU's.
    """

    noise: float
    cleared: bool
    kinked: bool
    said: tuple[str, ...]
    pruned: dict[str, Any] | None = None


def read(update: Update, knowledge: Knowledge) -> Reading:
    """update: as it left the client, finite and not zero."""
    gradient = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    said = [f"the update is of {_pictures(update.images)}, as the client says"]
    noise, rank = _last_layer(gradient, knowledge)
    if rank is not None:
        said.append(f"its last layer has rank {rank}")
    sent = {n: t for n, t in update.tensors.items() if n not in update.withheld}
    kind = comparing.sixteen(t.detach().cpu().float().numpy() for t in sent.values())
    if kind is not None:
        said.append(f"its values are {kind} numbers")
    zeros = min((float((t == 0).double().mean()) for t in sent.values() if t.dim() > 1), default=0.0)
    if zeros > CLEARED:
        noise = 0.0  # what is beside the rank is what was cleared
        said.append(f"at least {zeros:.0%} of each layer's values are zero, which count as not sent")
    elif noise > QUIET:
        said.append(f"it carries noise of about {noise:.1%} of its length")
    if update.withheld:
        said.append(f"{len(update.withheld)} of {len(update.tensors)} tensors were not sent")
    if update.statistics is not None:
        said.append("batch norm statistics came with it")
    said.append(_labels(gradient, knowledge))
    pruned = _pruned(sent)
    if pruned is not None:
        said.append("the values about zero are missing: the smallest of each layer were cleared")
    return Reading(noise, zeros > CLEARED, kinked(knowledge), tuple(text for text in said if text), pruned)


def _pruned(sent: dict[str, torch.Tensor]) -> dict[str, Any] | None:
    """Magnitude pruning, read from a gap about zero: a ReLU's zeros have small values beside them. Few different values are a
    quantiser's, which leaves a gap of another kind.
    """
    gaps, different = [], []
    for tensor in sent.values():
        size = tensor[tensor != 0].detach().abs().double()
        if len(size) < COUNTED or len(size) > (1 - CLEARED) * tensor.numel():
            continue
        gaps.append(float(size.min() * len(size) / size.median()))
        different.append(len(size.unique()) / len(size))
    if not gaps or median_low(gaps) < GAP or median_low(different) < 0.5:
        return None
    mask = {name: tensor != 0 for name, tensor in sent.items()}
    kept = sum(int(m.sum()) for m in mask.values()) / sum(m.numel() for m in mask.values())
    return {"kind": "pruning", "fraction": 1 - kept, "mask": mask}


def _pictures(count: int) -> str:
    return "one picture" if count == 1 else f"{count} pictures"


def _last_layer(gradient: Update, knowledge: Knowledge) -> tuple[float, int | None]:
    """(relative noise, rank read); (0, None) where the layer does not tell."""
    try:
        weight, _ = last_gradients(gradient, knowledge, ("weight",))
    except Refused:
        return 0.0, None
    values = torch.linalg.svdvals(weight.detach().cpu().double())
    most, schedule = min(weight.shape), knowledge.schedule
    several = gradient.images if one_step(schedule) or schedule is None else gradient.images * schedule.played
    size = float(gradient.norm())
    if several >= most or not size:
        return 0.0, None
    rows, columns = weight.shape
    sigma = math.sqrt(float((values[several:] ** 2).sum()) / ((rows - several) * (columns - several)))
    noise = sigma * math.sqrt(sum(t.numel() for t in gradient.tensors.values())) / size
    edge = sigma * (math.sqrt(rows) + math.sqrt(columns))  # where the singular values of noise alone end
    return noise, int((values > max(edge, 1e-6 * float(values[0]))).sum())


def _labels(gradient: Update, knowledge: Knowledge) -> str:
    if knowledge.labels is not None:
        return "the server knows the labels"
    try:
        guessed = (
            guesses(gradient, knowledge) if automatic(gradient, knowledge) in BATCHES and gradient.images > 1 else None
        )
        found = hard_labels("auto", gradient, knowledge, guessed)
    except Refused as refusal:
        return f"no label is read: {refusal}"
    if found.dim() > 1 or len(found) > 16:
        return "labels are read from its last layer"
    if len(found) == 1:
        return f"label read: {int(found[0])}"
    sure = 0 if guessed is None else certain(gradient, knowledge, guessed)
    how = "all certain" if sure == len(found) else f"{sure or 'none'} of them certain"
    return f"labels read: {', '.join(str(int(k)) for k in found)}; {how}"


def kinked(knowledge: Knowledge) -> bool:
    """Whether a function of the network has a kink; where it cannot be traced it may have."""
    try:
        return trace(knowledge.model, knowledge.input_shape, opaque=True).kinked
    except SpecError:
        return True
