"""What every way of solving a transformer starts from, float64 on the CPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor, nn

from gi_core.attacks.base import LayerReport, State
from gi_core.attacks.recursion import masked
from gi_core.attacks.recursion.transformer import attention, completing, sent
from gi_core.attacks.recursion.transformer.completing import Cleared
from gi_core.attacks.recursion.transformer.projections import Projections, projections_of
from gi_core.attacks.recursion.transformer.tiles import Tiles
from gi_core.networks.attention_shape import attention_shape
from gi_core.networks.tokens import Tokens
from gi_core.settings.attention_bounds import AttentionShape, Positions
from gi_core.settings.closed_form_attacks import Transformer
from gi_core.types.updates import Knowledge, Update


class Way(Protocol):
    """A way to the pictures. `state` holds all of it, under `iteration`, `facts` and names of its own."""

    steps: int

    def begin(self, seed: int) -> State: ...
    def step(self, state: State) -> LayerReport | None:
        """One more; `iteration` has been counted."""
        ...

    def over(self, state: State) -> bool: ...
    def pictures(self, state: State) -> Tensor | None:
        """(N, C, h, w) in pixels, of all whole patches; None before there are any."""
        ...

    def note(self, state: State) -> str:
        """What is said at the end."""
        ...

    def operations(self) -> float:
        """Floating point operations of it all, roughly."""
        ...


@dataclass(frozen=True)
class Given:
    """The update, the network and what is known, with G, S and the weights that the equations name, each made once."""

    settings: Transformer
    update: Update
    knowledge: Knowledge
    tokens: Tokens
    tiles: Tiles

    @property
    def pictures(self) -> int:
        """B."""
        return self.update.images

    @property
    def eps(self) -> float:
        """Of the numbers that were sent."""
        return float(torch.finfo(self.update.tensors[self.tokens.kernel].dtype).eps)

    @property
    def placed_by_positions(self) -> bool:
        """Whether the positions' gradient was sent."""
        return sent.there(self.update, [self.tokens.positions])

    @cached_property
    def gradient(self) -> Tensor:
        """G (D, n)."""
        return sent.of_patches(self.update, self.knowledge, self.tokens)

    @cached_property
    def positions(self) -> Tensor:
        """S (T, D), where it was sent."""
        return sent.of_positions(self.update, self.knowledge, self.tokens)

    @cached_property
    def cleared(self) -> Cleared | None:
        """[G | S^T] of one picture with its mask, where masks are known and leave enough; None where they do not."""
        masks, t = masked.masks_of(self.knowledge), self.tokens
        if self.pictures != 1 or not masks or not self.placed_by_positions or t.width < completing.SLACK * t.count:
            return None
        tensors = self.update.tensors
        of_patches = masked.kept(masks, t.kernel, tensors[t.kernel]).cpu().flatten(1)
        of_positions = masked.kept(masks, t.positions, tensors[t.positions]).cpu().reshape(-1, t.width)[-t.count :]
        kept = torch.cat([of_patches, of_positions.T], 1)
        whole = torch.cat([self.gradient, self.positions.T], 1)
        found = Cleared(whole * kept, kept, t.count, self.eps)
        return found if not bool(kept.all()) and found.determined() else None

    @cached_property
    def kernel(self) -> Tensor:
        """W (D, n)."""
        return self._conv().weight.detach().cpu().double().flatten(1)

    @cached_property
    def offset(self) -> Tensor:
        """b + pos_t (T, D)."""
        model, t, bias = self.knowledge.model, self.tokens, self._conv().bias
        tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        added = tensors[t.positions].detach().cpu().double().reshape(-1, t.width)[-t.count :]
        return added if bias is None else added + bias.detach().cpu().double()

    @cached_property
    def norms(self) -> list[attention.Norm]:
        """Of the layer norms between the positions and the first attention."""
        return [self._norm(path) for path in self.tokens.norms]

    def _norm(self, path: str) -> attention.Norm:
        layer = self.knowledge.model.get_submodule(path)
        assert isinstance(layer, nn.LayerNorm)  # as `tokens_of` looked for
        one = torch.ones(self.tokens.width, dtype=torch.float64)
        weight, bias = (None if w is None else w.detach().cpu().double() for w in (layer.weight, layer.bias))
        return attention.Norm(one if weight is None else weight, bias)

    @property
    def shape(self) -> AttentionShape:
        """T, n, D, H, c of the network; H is one where the first attention does not say it."""
        t, sent_ = self.tokens, self.placed_by_positions
        found = attention_shape(self.knowledge.model, t, self.knowledge.input_shape[0], sent_)
        values = self.knowledge.input_shape[0] * math.prod(t.patch)
        positions: Positions = "learned" if sent_ else "frozen"
        return found or AttentionShape(t.count, values, t.width, 1, t.prefix, positions=positions)

    @property
    def known(self) -> Tensor:
        """(c, D): the prefix behind the layer norm."""
        return self.tokens.known.detach().cpu().double()

    def projections(self) -> Projections | None:
        """Of the first attention."""
        return projections_of(self.update, self.knowledge, self.tokens)

    def _conv(self) -> nn.Conv2d:
        layer = self.knowledge.model.get_submodule(self.tokens.patches)
        assert isinstance(layer, nn.Conv2d)  # as `tokens_of` looked for
        return layer


Replay = Callable[[Tensor], tuple[Tensor, float | None]]
"""Pictures (N, C, H, W) in pixels -> labels (N,), -1 where none is read, and the relative misfit of their gradient, if any."""
