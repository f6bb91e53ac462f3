"""What the last dense layer's gradient shows of labels: s_k - n_k / N for every class k.

A loss whose slope is dL/dz_n = scale (s(z_n) - onehot(y_n)) / N leaves dL/db / scale = s_bar - n / N, with s_bar the
mean output over the batch and n_k how many of its N pictures are of class k. s is softmax (cross-entropy), sigmoid
(logistic) or z itself (squared error). One logit counts as two classes, 1 and the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.networks.prepared import last_layer
from gi_core.types.updates import Knowledge, Update

ROUNDING = 1e-4
"""Pictures: of a float32 gradient's rounding, and far below one."""
OTHER = {"bias": "bias_sign", "weight": "row_sum (idlg of one picture), known or joint"}
"""What reads labels from that gradient alone."""
NEGATIVE = 1e-5
"""Share of the largest entry below which a negative one may be rounding."""


def last_gradients(
    update: Update, knowledge: Knowledge, read: tuple[str, ...] = ("weight", "bias")
) -> tuple[Tensor, Tensor | None]:
    """(weight, bias) gradients of the last dense layer. read: those that must have been sent. Raises Refused."""
    names = _names(knowledge)
    if names is None:
        raise Refused("the network's last layer is not dense, so no label can be read from its gradient")
    there = {name.rpartition(".")[2]: _there(name, update) for name in names}
    missing = [word for word in read if not there.get(word, True)]
    if missing:
        other = next(
            (OTHER[word] for word in ("bias", "weight") if there.get(word)),
            "known (or, where the attack has them, joint)",
        )
        raise Refused(f"the last layer's {missing[0]} gradient was not sent: choose {other} labels")
    missing_one = next((name for name in names if name not in update.tensors), None)
    if missing_one is not None:
        raise Refused(f"the gradient of {missing_one} is not in the update, as it does not train: choose known labels")
    weight, *bias = (update.tensors[name] for name in names)
    return weight, bias[0] if bias else None


def _names(knowledge: Knowledge) -> list[str] | None:
    """Names of the last dense layer's weight and, where it has one, bias; None without such a layer."""
    found = last_layer(knowledge.model)
    if found is None:
        return None
    path, layer = found
    return [f"{path}.weight".lstrip("."), *([] if layer.bias is None else [f"{path}.bias".lstrip(".")])]


def _there(name: str, update: Update) -> bool:
    return name in update.tensors and name not in update.withheld


def sent(update: Update, knowledge: Knowledge) -> tuple[bool, bool]:
    """Whether there is a last dense layer whose (weight, bias) gradient was sent."""
    there = [_there(name, update) for name in _names(knowledge) or ()]
    return bool(there) and there[0], there[1] if len(there) > 1 else False


def shown(
    update: Update, knowledge: Knowledge, read: tuple[str, ...] = ("weight", "bias")
) -> tuple[Tensor, Tensor | None]:
    """(dL/dW / scale (K, D), dL/db / scale (K,) or None), float64 on the CPU; two rows for one logit. Raises Refused."""
    weight, bias = last_gradients(update, knowledge, read)
    scale = _scale(update, knowledge)

    def row(t: Tensor) -> Tensor:
        found = t.detach().cpu().double() / scale
        found = torch.cat([-found, found]) if len(found) == 1 else found  # what one class gains the other loses
        if not bool(torch.isfinite(found).all()):
            raise Refused("the last layer's gradient holds values that are not finite, so no label can be read from it")
        return found

    return row(weight), None if bias is None else row(bias)


def _scale(update: Update, knowledge: Knowledge) -> float:
    """The factor on the loss: of squared errors, and of the client where `scaling` left it. Raises Refused."""
    terms, scale = knowledge.terms, 2.0 / knowledge.classes if knowledge.loss == "mse" else 1.0
    if terms.reduction == "mean":
        return scale * terms.scale
    if terms.weights is not None:
        raise Refused("a sum of losses with weights of classes shows no label's share: choose known labels")
    schedule = knowledge.schedule
    size = update.images if update.kind == "gradient" or schedule is None else min(schedule.batch_size, update.images)
    return scale * terms.scale * size * (1 if knowledge.loss == "cross_entropy" else knowledge.classes)


def shares(outputs: Tensor, bias: Tensor, images: int, knowledge: Knowledge) -> Tensor:
    """n (K,) of dL/db (K,) for mean outputs s: N (s - dL/db), and behind smoothing e and weights w of the classes
    n_k w_k (1 - e) = D ((1 - e + e N mean(w) / D) s_k - dL/db_k) - e N w_k / K, D = sum_k n_k w_k, by fixed-point iteration for D.
    """
    terms = knowledge.terms
    if not terms.smoothing and terms.weights is None:
        return images * (outputs - bias)
    classes, e = len(bias), terms.smoothing
    weights = torch.ones(classes, dtype=bias.dtype) if terms.weights is None else torch.tensor(terms.weights).to(bias)
    usual, total, counts = float(weights.mean()), images * float(weights.mean()), images * outputs
    for _ in range(50):
        spread = e * images / total
        share = (1 - e + spread * usual) * outputs - bias - spread * weights / classes  # n_k w_k (1 - e) / D
        counts = torch.where(weights > 0, share / weights.clamp_min(1e-12), 0.0).clamp_min(0)
        counts = counts * (images / max(float(counts.sum()), 1e-12))
        total = max(float((counts * weights).sum()), 1e-12)
    return counts if terms.weights is not None else total * share / (1 - e)


def expected(outputs: Tensor, counts: Tensor, knowledge: Knowledge) -> Tensor:
    """dL/db (K,) of so many pictures of each class, for mean outputs s (K,): the inverse of `shares`."""
    terms, images = knowledge.terms, int(counts.sum())
    if not terms.smoothing and terms.weights is None:
        return outputs - counts / images
    classes, e = len(counts), terms.smoothing
    weights = torch.ones(classes).to(outputs) if terms.weights is None else torch.tensor(terms.weights).to(outputs)
    total = float((counts * weights).sum()) or 1.0
    spread = e * images / total
    one = (1 - e) * counts * weights / total + spread * weights / classes
    return (1 - e + spread * float(weights.mean())) * outputs - one


def outputs(knowledge: Knowledge) -> Callable[[Tensor], Tensor]:
    """s of the loss: logits (..., K) to outputs (..., K); two for one logit."""

    def of(logits: Tensor) -> Tensor:
        if knowledge.loss == "cross_entropy":
            return torch.softmax(logits, -1)
        values = torch.sigmoid(logits) if knowledge.loss == "logistic" else logits
        return torch.cat([1 - values, values], -1) if values.shape[-1] == 1 else values

    return of


def sure(bias: Tensor, images: int, knowledge: Knowledge) -> Tensor:
    """n_k >= -N dL/db_k, as no probability is below zero: pictures (K,) of each class that must be there.

    Zeros where outputs are no probabilities, and behind a defense.
    """
    if knowledge.loss == "mse" or knowledge.defenses or knowledge.terms.weights is not None:
        return torch.zeros(len(bias), dtype=torch.int64)
    e = knowledge.terms.smoothing
    bias = (bias + e / len(bias)) / (1 - e) if e else bias
    return torch.ceil(-images * bias - ROUNDING).clamp(min=0).long()


def present(weight: Tensor, positive: bool, knowledge: Knowledge) -> Tensor:
    """1 for each class (K,) of which a picture is there: its row has a negative entry (Yin et al. 2021), else 0.

    dL/dW_kj = sum_n s_nk h_nj / N - sum_{n of k} h_nj / N can only be negative where one is, if features are positive.
    """
    if knowledge.loss == "mse" or knowledge.defenses or knowledge.terms.smoothing or not positive:
        return torch.zeros(len(weight), dtype=torch.int64)
    return (weight.min(1).values < -NEGATIVE * float(weight.abs().max())).long()


def counted(estimate: Tensor, images: int, least: Tensor | None = None, allowed: Tensor | None = None) -> Tensor:
    """(K,) int64 of sum `images`, nearest to `estimate` (K,) and at least `least`: each picture goes to the class that
    falls shortest of its estimate (largest remainder). A `least` of more pictures than there are, by noise, is ignored.
    allowed (K,): classes that may get one; all where it is None or names none.
    """
    if allowed is not None and bool(allowed.any()):
        estimate = estimate.masked_fill(~allowed, -float("inf"))
    counts = torch.zeros(len(estimate), dtype=torch.int64)
    if least is not None and int(least.sum()) <= images:
        counts += least
    for _ in range(images - int(counts.sum())):
        counts[int((estimate - counts).argmax())] += 1
    return counts


def listed(counts: Tensor) -> Tensor:
    """Counts (K,) to labels (N,) int64, ascending: pictures of a batch have no order."""
    return torch.repeat_interleave(torch.arange(len(counts)), counts)
