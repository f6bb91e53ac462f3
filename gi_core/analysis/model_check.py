"""Whether a network that a client received asks for single pictures: looked at before any training, from its numbers alone.

    rows      |w_c| of the last layer's largest row over the median of the others
    bias      |b_c - median(b)| of the last layer's farthest bias, in logits, where it is also 6 robust deviations away
    repeated  share of a layer's rows that repeat another row's direction, of layers of 4 rows and 4 inputs or more
    traps     share of a dense layer's rows whose positive weights are the negative ones times a factor
    even      1 / spread of the sums of rows of a first dense layer: random rows have 1, and traps share one sum
    head only how much more the last layer moved since the last round than all others, relative to their size

Each is divided by what honest networks stay below (`LIMITS`; benchmarks/inspection.py). A server that fishes leaves one row of the head and
one bias; one that puts bins in front of the network repeats one row. Wen et al., ICML 2022; Fowl et al., ICLR 2022; Boenisch et al., EuroS&P 2023.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from gi_core.networks.prepared import last_layer
from gi_core.networks.trap import first_dense, spread, traps
from gi_core.types.model_check import ModelCheck, Noticed

LIMITS = {"rows": 8.0, "bias": 6.0, "repeated": 0.1, "traps": 0.1, "even": 2.5, "head_only": 1e3}
"""Of honest networks, fresh, trained and trained on, the largest of each are below half of this."""
ROBUST, DEVIATIONS = 1.4826, 6.0
ALIKE = 0.99
"""Cosine from which two rows are one; of honest networks no two are, but for a few of a MobileNet's narrow layers."""
MOST, FEWEST, ROWS = 99.0, 4, 4096
"""Largest score that is said; fewest rows and inputs of a layer whose rows are compared; most rows that are."""
NEARLY = 0.05
"""Share by which a later layer has to repeat more, to be named in place of an earlier one."""
QUIET = 1e-12
"""Relative change of a layer that counts as none."""


@torch.no_grad()
def check(model: nn.Module, before: Mapping[str, Tensor] | None = None) -> ModelCheck:
    """What of a network is noticed. before: tensors of the last round's network by name, where the client kept them."""
    found, of_class = [], None
    head = last_layer(model)
    if head is not None:
        rows, of_row = _rows(head[1].weight.double())
        found.append(rows)
        if head[1].bias is not None:
            bias, of_bias = _bias(head[1].bias.double())
            found.append(bias)
            of_class = of_bias if bias["score"] >= 1 else None
        of_class = of_row if rows["score"] >= 1 else of_class
    found += [_repeated(model), _trapped(model), _even(model)]
    if before is not None and head is not None:
        found.append(_head_only(model, before, head[0]))
    found.sort(key=lambda one: -one["score"])
    score = found[0]["score"]
    return {
        "suspicious": score >= 1, "score": score, "sentence": _sentence(found, of_class), "of_class": of_class, "noticed": found,
    }  # fmt: skip


def _sentence(found: list[Noticed], of_class: int | None) -> str:
    noticed = [one["sentence"] for one in found if one["score"] >= 1]
    if not noticed:
        return "nothing in this model asks for single pictures"
    what = "single pictures" if of_class is None else f"pictures of class {of_class}"
    return f"this model asks for {what}: " + ", and ".join(noticed)


def _noticed(name: str, value: float, sentence: str) -> Noticed:
    score = min(MOST, value / LIMITS[name])
    return {"check": name, "score": score, "value": value if math.isfinite(value) else None, "sentence": sentence}


def _rows(weight: Tensor) -> tuple[Noticed, int]:
    """The largest row of the head; a head of zeros, as fresh transformers have, asks for nothing."""
    sizes = weight.norm(dim=1)
    top = int(sizes.argmax())
    if len(sizes) < 2 or not float(sizes[top]):
        return _noticed("rows", 0.0, "the last layer is zero, or has one row"), top
    others = float(torch.cat([sizes[:top], sizes[top + 1 :]]).median())
    ratio = float(sizes[top]) / others if others else math.inf
    zero = int((sizes == 0).sum())
    rest = f"{zero} of {len(sizes)} rows of the last layer are zero" if zero else "the others are that much smaller"
    words = f"its row of class {top} is {ratio:.3g} times as large as the others" if math.isfinite(ratio) else rest
    return _noticed("rows", ratio, words), top


def _bias(bias: Tensor) -> tuple[Noticed, int]:
    """The farthest bias, in logits; 0 where it is among the others."""
    if len(bias) < 3:
        return _noticed("bias", 0.0, "there are too few biases to compare"), 0
    apart = (bias - bias.median()).abs()
    top = int(apart.argmax())
    spread = ROBUST * float(apart.median())
    far = float(apart[top]) if float(apart[top]) > DEVIATIONS * spread else 0.0
    return _noticed("bias", far, f"the bias of class {top} stands {far:.3g} logits apart"), top


def _repeated(model: nn.Module) -> Noticed:
    """The largest share of repeated rows in any dense layer or convolution."""
    most, where = 0.0, ""
    for name, weight in _weights(model):
        share = _repeats(weight)
        if share > most + NEARLY:
            most, where = share, name
    return _noticed("repeated", most, f"{100 * most:.0f} % of the rows of {where or 'no layer'} repeat another one")


def _trapped(model: nn.Module) -> Noticed:
    """The largest share of traps in any dense layer."""
    layers = [
        (traps(m), name) for name, m in model.named_modules() if isinstance(m, nn.Linear) and m.out_features >= FEWEST
    ]
    most, where = max(layers, default=(0.0, ""))
    words = f"{100 * most:.0f} % of the rows of {where or 'no layer'} let few pictures through: their weights are pairs of opposite sign"
    return _noticed("traps", most, words)


def _even(model: nn.Module) -> Noticed:
    """How alike the rows of a first dense layer sum up."""
    found = first_dense(model)
    if found is None or math.isinf(apart := spread(found[1])):
        return _noticed("even", 0.0, "no dense layer of many rows reads the pictures")
    words = f"the rows of {found[0]} all sum up alike, so that the same pictures switch few of them on"
    return _noticed("even", 1 / apart if apart else math.inf, words)


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            rows = layer.weight.flatten(1)
            if rows.shape[0] >= FEWEST and rows.shape[1] >= FEWEST:
                yield name, rows[:ROWS].double()


def _repeats(rows: Tensor) -> float:
    """Share of the rows, zeros left out, that point where one before them does."""
    sizes = rows.norm(dim=1)
    rows = rows[sizes > 0] / sizes[sizes > 0, None]
    if len(rows) < FEWEST:
        return 0.0
    again = torch.zeros(len(rows), dtype=torch.bool)
    for start in range(0, len(rows), 512):
        alike = (rows[start : start + 512] @ rows.T).abs() > ALIKE
        places = torch.arange(start, start + len(alike))[:, None]
        again[start : start + len(alike)] = (alike & (torch.arange(len(rows))[None] < places)).any(1)
    return float(again.double().mean())


def _head_only(model: nn.Module, before: Mapping[str, Tensor], head: str) -> Noticed:
    """How the last layer moved beside all others, relative to their sizes."""
    moved: dict[bool, list[float]] = {True: [0.0], False: [0.0]}
    for name, now in model.named_parameters():
        if name in before and before[name].shape == now.shape:
            was = before[name].double()
            change = float((now.double() - was).norm()) / max(float(was.norm()), 1e-12)
            moved[name.startswith(f"{head}.")].append(change)
    own, others = max(moved[True]), max(moved[False])
    ratio = 0.0 if own <= QUIET else own / others if others > QUIET else math.inf
    return _noticed(
        "head_only", ratio, "since the last round only its last layer moved" if ratio > 1 else "all layers moved"
    )
