"""One residual block, from what comes out of it to what went in: values, mask and dL/d(value).

k2 = M D; conv2's gradient gives the inner activation a; k1 = M_a W2^T k2; conv1's gradient and the projection's give x;
D_x = W1^T k1 + (k2, or Wd^T k2). With batch norm in eval mode k depends on masks and weights alone, so that with the
right masks errors do not add up on the way down.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.grad import conv2d_input

from gi_core.attacks.recursion.layers import Numbers, numbers
from gi_core.attacks.recursion.residual import equations
from gi_core.attacks.recursion.residual.equations import Found, Rows
from gi_core.attacks.recursion.residual.forwards import Seen, complete
from gi_core.attacks.recursion.residual.masks import Mask, check_sums, classify
from gi_core.attacks.recursion.residual.nonnegative import fill
from gi_core.attacks.recursion.residual.own_gradient import settle
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.chain import Affine, Residual
from gi_core.types.updates import Update


@dataclass(frozen=True)
class Place:
    """Where the recursion stands: value (C, H, W) of an activation, its mask, and back = dL/d(value)."""

    value: Array
    mask: Mask
    back: Array


@dataclass(frozen=True)
class Passed:
    """A block passed: where the recursion stands then, what was found of its inner activation and of its input."""

    place: Place
    inner: Found
    inner_mask: Mask
    outer: Found


class Network:
    """The numbers of a network and its update, and its convolutions. floor, tolerance: rounding of the update's
    numbers, of a mask's values and of the sums that check it.
    """

    def __init__(self, model: nn.Module, update: Update):
        self.model, self.update = model, update
        double = all(t.dtype == torch.float64 for t in update.tensors.values())
        self.floor, self.tolerance = (1e-10, 1e-9) if double else (0.1, 3e-6)
        self._numbers: dict[str, Numbers] = {}

    def numbers(self, layer: Affine) -> Numbers:
        """Weights and gradients, batch norm folded in."""
        if layer.name not in self._numbers:
            self._numbers[layer.name] = numbers(layer, self.model, self.update)
        return self._numbers[layer.name]

    def back(self, layer: Affine, k: Array) -> Array:
        """W^T k of a convolution, of its input's shape."""
        op, weight = layer.convolution, torch.from_numpy(self.numbers(layer).weight)
        shape = (1, *layer.input_shape)
        found = conv2d_input(
            shape,
            weight,
            torch.from_numpy(np.ascontiguousarray(k))[None],
            op.stride,
            op.padding,
            op.dilation,
            op.groups,
        )
        return found[0].numpy()

    def forward(self, layer: Affine, x: Array) -> Array:
        """W x + b of a convolution."""
        op, mine = layer.convolution, self.numbers(layer)
        weight, bias = torch.from_numpy(mine.weight), torch.from_numpy(mine.bias)
        picture = torch.from_numpy(np.ascontiguousarray(x))[None]
        return functional.conv2d(picture, weight, bias, op.stride, op.padding, op.dilation, op.groups)[0].numpy()

    def sums(self, layer: Affine) -> Array | None:
        """sum over positions of dL/dz of a layer that has a bias or a batch norm."""
        return self.numbers(layer).bias_gradient

    def rows(self, layer: Affine, k: Array, use: np.ndarray) -> Rows:
        mine = self.numbers(layer)
        return equations.rows(layer.convolution, k, mine.gradient, layer.input_shape, use & mine.shown)

    def mask(self, found: Found, back: Array, before: Affine) -> Mask:
        """The mask of a recovered value, checked by the bias gradient of the layer that it came out of."""
        mask, sums = classify(found.x, found.error, self.floor), self.sums(before)
        return mask if sums is None else check_sums(mask, back, sums, self.tolerance)


def descend(net: Network, block: Residual, out: Place, before: Affine) -> Passed:
    """Pass one block. before: the layer that its input came out of, whose bias gradient checks the mask."""
    first, second = block.main
    inner, settled = _solve(net, [(second, out.back)], out.mask)
    k2 = settled.active * out.back
    toward = net.back(second, k2)
    inner_mask = net.mask(inner, toward, first)
    extra = [] if block.skip is None else [net.rows(block.skip, k2, np.ones(len(k2), bool))]
    outer, inner_settled = _solve(net, [(first, toward)], inner_mask, extra)
    if outer.free is not None and inner.free is None:
        outer = complete(outer, _forwards(net, block, out, inner.x, inner_settled))
    back = net.back(first, inner_settled.active * toward)
    back += k2 if block.skip is None else net.back(block.skip, k2)
    place = Place(outer.x, net.mask(outer, back, before), back)
    return Passed(place, inner, inner_settled, outer)


def _forwards(net: Network, block: Residual, out: Place, inner: Array, mask: Mask) -> list[Seen]:
    """What the forward pass of a block shows of its input."""
    first, second = block.main
    own = net.numbers(first)
    a = np.where(mask.active, inner, 0.0)
    left = out.value - net.forward(second, a)
    skip = None if block.skip is None else net.numbers(block.skip)
    if skip is not None:
        left = left - skip.bias[:, None, None]
    return [
        Seen(first, own, a - own.bias[:, None, None], mask.active),
        Seen(block.skip, skip, left, out.mask.active),
    ]


def _solve(
    net: Network, of: list[tuple[Affine, Array]], mask: Mask, extra: list[Rows] | None = None
) -> tuple[Found, Mask]:
    """A layer's input from its gradient; channels with doubtful units are left out first, and settled by what is found."""
    (layer, back), every = of[0], np.ones(len(mask.active), bool)
    more = extra or []
    doubt = np.asarray(mask.doubtful.any((1, 2)))
    if doubt.any():
        clean = _filled([net.rows(layer, mask.active * back, ~doubt), *more], layer)
        if not clean.short:
            active = settle(layer.convolution, net.numbers(layer).gradient, mask, back, clean.x)
            mask = replace(mask, active=active, doubtful=np.zeros_like(mask.doubtful))
    return _filled([net.rows(layer, mask.active * back, every), *more], layer), mask


def _filled(parts: list[Rows], layer: Affine) -> Found:
    """The solution of these equations, which its signs complete where they are short."""
    return fill(equations.solve(parts, layer.input_shape), parts)
