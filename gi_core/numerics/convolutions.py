"""Convolutions whose second derivative computes only what is needed.

With y = x * w and cotangents v_x, v_w of the first derivatives (dL/dx, dL/dw), matching needs
    d/d(dL/dy) = v_x * w + x * v_w        d/dx = v_w *^T dL/dy,
three passes. torch's own second derivative also works out that in w, which is a constant of the attack, as a convolution
with a kernel as large as the picture, and d/dx in a roundabout way: two thirds of the time of a convolutional network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

LEAST = 1e7
"""Multiplications from which this pays: below, torch's one call costs less than the few of Python here (LeNet, ResNet-20)."""

_backward = torch.ops.aten.convolution_backward


class _Convolve(torch.autograd.Function):
    """x, w, b -> y; how: stride, padding, dilation, groups."""

    @staticmethod
    def forward(ctx, x: Tensor, w: Tensor, b: Tensor | None, how: tuple) -> Tensor:
        ctx.save_for_backward(x, w)
        ctx.how = how
        return conv2d(x, w, b, *how)

    @staticmethod
    def backward(ctx, slope: Tensor):
        x, w = ctx.saved_tensors
        in_x, in_w, in_b, _ = ctx.needs_input_grad
        dx, dw = _Slopes.apply(slope, x, w, ctx.how, in_x, in_w)
        return dx if in_x else None, dw if in_w else None, slope.sum((0, 2, 3)) if in_b else None, None


class _Slopes(torch.autograd.Function):
    """dL/dy, x, w -> (dL/dx, dL/dw), those that are wanted; a leaf w has no second derivative."""

    @staticmethod
    def forward(ctx, slope: Tensor, x: Tensor, w: Tensor, how: tuple, in_x: bool, in_w: bool):
        ctx.save_for_backward(slope, x, w)
        ctx.how = how
        ctx.set_materialize_grads(False)
        dx, dw, _ = _derivatives(slope, x, w, how, in_x, in_w)
        return dx, dw

    @staticmethod
    def backward(ctx, vx: Tensor | None, vw: Tensor | None):
        slope, x, w = ctx.saved_tensors
        fixed = w if w.grad_fn is not None else w.detach()  # weights after a simulated step depend on the pictures
        into_slope, into_x, into_w = ctx.needs_input_grad[0], ctx.needs_input_grad[1], fixed.requires_grad
        ds = dx = dw = None
        if vx is not None and into_slope:
            ds = conv2d(vx, fixed, None, *ctx.how)
        if vw is not None and into_slope:
            along = conv2d(x, vw, None, *ctx.how)
            ds = along if ds is None else ds + along
        if vw is not None and into_x:
            dx = _derivatives(slope, x, vw, ctx.how, True, False)[0]
        if vx is not None and into_w:
            dw = _derivatives(slope, vx, fixed, ctx.how, False, True)[1]
        return ds, dx, dw, None, None, None


def _derivatives(slope: Tensor, x: Tensor, w: Tensor, how: tuple, in_x: bool, in_w: bool):
    stride, padding, dilation, groups = how
    return _backward(slope, x, w, None, stride, padding, dilation, False, [0, 0], groups, [in_x, in_w, False])


class TwiceDifferentiated(nn.Conv2d):
    """nn.Conv2d with cheaper second derivatives. alone: outside `torch.func`, whose transforms need torch's own."""

    alone = True

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        work = weight.numel() * (x.numel() // x.shape[1]) / (self.stride[0] * self.stride[1])
        if not self.alone or work < LEAST or self.padding_mode != "zeros" or isinstance(self.padding, str):
            return super()._conv_forward(x, weight, bias)
        how = (list(self.stride), list(self.padding), list(self.dilation), self.groups)
        return _Convolve.apply(x, weight, bias, how)


def replaced(model: nn.Module) -> list[TwiceDifferentiated]:
    """The plain convolutions of the model, each made a `TwiceDifferentiated` in place."""
    found = [m for m in model.modules() if type(m) is nn.Conv2d]
    for layer in found:
        layer.__class__ = TwiceDifferentiated
    return found  # type: ignore[return-value]
