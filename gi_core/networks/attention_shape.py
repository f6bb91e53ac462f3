"""The sizes that decide what an attention network's gradient gives back, read off the network."""

from __future__ import annotations

import math

from torch import nn

from gi_core.networks.tokens import Tokens
from gi_core.settings.attention_bounds import AttentionShape

_HEADS = ("num_heads", "num_attention_heads")
"""What libraries call the number of heads."""


def first_attention(model: nn.Module, tokens: Tokens) -> tuple[nn.Module, int] | None:
    """The module that reads the tokens first and its number of heads; None where it says no such number."""
    if not tokens.reading:
        return None
    path = tokens.reading[0].split(".")[:-1]
    for end in range(len(path), 0, -1):
        module = model.get_submodule(".".join(path[:end]))
        for word in _HEADS:
            count = getattr(module, word, None)
            if isinstance(count, int) and count > 0 and tokens.width % count == 0:
                return module, count
    return None


def attention_shape(model: nn.Module, tokens: Tokens, channels: int, learned: bool = True) -> AttentionShape | None:
    """None where the first attention does not read the tokens as they are. learned: whether positions have a gradient. A network
    without prefix is taken to read the mean of all tokens.
    """
    found = first_attention(model, tokens)
    if found is None:
        return None
    attention, heads = found
    return AttentionShape(
        patches=tokens.count, values=channels * math.prod(tokens.patch), width=tokens.width, heads=heads,
        prefix=tokens.prefix, blocks=sum(type(m) is type(attention) for m in model.modules()),
        positions="learned" if learned else "frozen", mean_pooled=not tokens.prefix,
    )  # fmt: skip
