"""What is searched in place of pixels: a point (D,) per trial -> what the network is given, and the picture shown.

pixels: the network's input itself. grey: one map g, the input (g - mean_c) / std_c in every channel, so that the client's
own normalisation stands between map and network (or g itself, `raw`, as the released FL gradient inversion has it).
Decoders are in `decoders`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.priors import Pixels
from gi_core.attacks.trials import start
from gi_core.types.updates import Knowledge


class Space(Protocol):
    """size: numbers of one trial. identity: whether the point is the network's input. pixelwise: whether its numbers
    are pixels, so that a sign and a box make sense.
    """

    size: int
    identity: bool
    pixelwise: bool

    def network(self, point: Tensor) -> Tensor:
        """(T, D) -> (T, M, C, H, W), differentiable."""

    def pictures(self, point: Tensor) -> Tensor:
        """(T, D) -> (T, M, C, H, W) in pixel units, not clamped."""

    def clamp_(self, point: Tensor) -> None:
        """Pixels kept in [0, 1], in place."""

    def draw(self, draws: torch.Generator) -> Tensor:
        """A start (D,), float32 on the CPU."""


class PixelSpace:
    """The network's input, free."""

    identity = pixelwise = True

    def __init__(self, kind: str, shape: tuple[int, ...], knowledge: Knowledge, like: Tensor):
        self.kind, self.shape, self.knowledge = kind, shape, knowledge
        self.size = int(torch.Size(shape).numel())
        self.pixels = Pixels(knowledge.mean, knowledge.std, like)
        self.cpu = Pixels(knowledge.mean, knowledge.std, torch.zeros(()))

    def network(self, point: Tensor) -> Tensor:
        return point.view(-1, *self.shape)

    def pictures(self, point: Tensor) -> Tensor:
        return self.pixels.decode(self.network(point))

    def clamp_(self, point: Tensor) -> None:
        self.pixels.clamp_(self.network(point))

    def draw(self, draws: torch.Generator) -> Tensor:
        return self._start(draws).reshape(-1)

    def at(self, pictures: Tensor) -> Tensor:
        """The point (D,) of pictures (M, C, H, W) in pixel units, float32 on the CPU."""
        return self.cpu.encode(pictures.float().cpu()).reshape(-1)

    def _start(self, draws: torch.Generator) -> Tensor:
        if self.kind != "prior":
            return start(self.kind, self.shape, draws, self.cpu)
        if self.knowledge.prior is None:
            raise Refused("the start asks for a prior picture, and none was given: choose one, or another start")
        return self.cpu.encode(self.knowledge.prior.float().cpu()).expand(self.shape).clone()


class GreySpace(PixelSpace):
    """One map for all channels, in pixel units. raw: the network is given the map itself."""

    identity = False

    def __init__(self, kind: str, shape: tuple[int, ...], knowledge: Knowledge, like: Tensor, raw: bool = False):
        super().__init__(kind, shape, knowledge, like)
        self.raw = raw
        self.map = (shape[0], 1, *shape[2:])
        self.size = int(torch.Size(self.map).numel())

    def network(self, point: Tensor) -> Tensor:
        shown = self.pictures(point)
        return shown if self.raw else self.pixels.encode(shown)

    def pictures(self, point: Tensor) -> Tensor:
        return point.view(-1, *self.map).expand(-1, *self.shape)

    def clamp_(self, point: Tensor) -> None:
        point.clamp_(0, 1)

    def draw(self, draws: torch.Generator) -> Tensor:
        if self.raw and self.kind in ("randn", "rand", "zeros"):
            return start(self.kind, self.map, draws, self.cpu).reshape(-1)
        return self.cpu.decode(self._start(draws)).mean(1).reshape(-1)

    def at(self, pictures: Tensor) -> Tensor:
        return pictures.float().cpu().mean(1).reshape(-1)
