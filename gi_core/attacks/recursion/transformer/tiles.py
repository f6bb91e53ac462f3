"""Patches (T, n) in the order of a convolution's weights and output, as a picture in pixels, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.priors import Pixels
from gi_core.networks.tokens import Tokens
from gi_core.types.updates import Knowledge


class Tiles:
    """grey (n,): a patch of mid-grey, in the network's units. unit: a pixel's whole range in those, on average."""

    def __init__(self, tokens: Tokens, knowledge: Knowledge):
        self.grid, self.patch, self.channels = tokens.grid, tokens.patch, knowledge.input_shape[0]
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))
        grey = self.pixels.encode(torch.full((self.channels, 1, 1), 0.5, dtype=torch.float64))
        self.grey = grey.expand(self.channels, *self.patch).reshape(-1)
        self.unit = sum(1 / s for s in knowledge.std) / len(knowledge.std)

    def picture(self, patches: Tensor) -> Tensor:
        """(T, n) to (C, H, W) in pixels."""
        (rows, columns), (p, q) = self.grid, self.patch
        tiles = patches.view(rows, columns, self.channels, p, q).permute(2, 0, 3, 1, 4)
        return self.pixels.decode(tiles.reshape(self.channels, rows * p, columns * q))

    def back(self, picture: Tensor) -> Tensor:
        """The adjoint of `picture`, less its offset."""
        (rows, columns), (p, q) = self.grid, self.patch
        tiles = (picture * self.pixels.std).view(self.channels, rows, p, columns, q).permute(1, 3, 0, 2, 4)
        return tiles.reshape(rows * columns, -1)
