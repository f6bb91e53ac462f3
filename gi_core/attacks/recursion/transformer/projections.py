"""Queries, keys and values of the first attention: their weights and what the update holds of them, float64.

q = W_q z^ + b_q,   k = W_k z^ + b_k,   v = W_v z^ + b_v,   H heads of d = D / H rows each, one after the other
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gi_core.attacks.recursion.transformer import sent
from gi_core.networks.attention_shape import first_attention
from gi_core.networks.tokens import Tokens
from gi_core.types.updates import Knowledge, Update


@dataclass(frozen=True)
class Projection:
    """weight (D, D), bias (D,); gradient, slope: of the loss in each. bias and slope are None where there is none."""

    weight: Tensor
    gradient: Tensor
    bias: Tensor | None
    slope: Tensor | None


@dataclass(frozen=True)
class Projections:
    query: Projection
    key: Projection
    value: Projection
    heads: int

    @property
    def depth(self) -> int:
        """d: rows of a head."""
        return len(self.query.weight) // self.heads


def projections_of(update: Update, knowledge: Knowledge, tokens: Tokens) -> Projections | None:
    """None where the first attention is not one of these, or not all of it was sent."""
    attention, named = first_attention(knowledge.model, tokens), _named(tokens)
    if attention is None or named is None or not sent.there(update, tokens.reading):
        return None
    model = {name: p.detach().cpu().double() for name, p in knowledge.model.named_parameters() if name in _all(named)}

    def one(place: int) -> Projection:
        weight, rows, bias = named[place]

        def cut(of: Tensor) -> Tensor:
            return of.detach().cpu().double()[rows * tokens.width : (rows + 1) * tokens.width]

        biased = bias in model
        shown = biased and sent.there(update, [bias])
        return Projection(
            cut(model[weight]), cut(update.tensors[weight]), cut(model[bias]) if biased else None,
            cut(update.tensors[bias]) if shown else None,
        )  # fmt: skip

    return Projections(one(0), one(1), one(2), attention[1])


def _named(tokens: Tokens) -> list[tuple[str, int, str]] | None:
    """(weight, which third of its rows, bias) of query, key and value: one matrix of the three, or three by their names."""
    if len(tokens.reading) == 1:
        weight = tokens.reading[0]
        bias = weight.removesuffix("weight") + "bias"
        return [(weight, third, bias) for third in range(3)]
    found = []
    for letter in "qkv":
        of = [name for name in tokens.reading if name.split(".")[-2].startswith(letter)]
        if len(of) != 1:
            return None
        found.append((of[0], 0, of[0].removesuffix("weight") + "bias"))
    return found


def _all(named: list[tuple[str, int, str]]) -> set[str]:
    return {name for weight, _, bias in named for name in (weight, bias)}
