"""Poolings among the calls of a forward pass: windows must be square, and means over whole windows."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gi_core.networks.traced_reading import SAME, Owners, Read, Untraced, one
from gi_core.settings.graph import AveragePool, GlobalAverage, MaxPool


def max_pool2d(
    owners: Owners, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Read:  # fmt: skip
    if one(dilation, "dilation") != 1 or return_indices:
        raise Untraced("only pooling without dilation and indices is traced")
    size = one(kernel_size, "window")
    return Read(MaxPool(size, _stride(stride, size), one(padding, "padding")))


def avg_pool2d(
    owners: Owners, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Read:  # fmt: skip
    size, pad = one(kernel_size, "window"), one(padding, "padding")
    if divisor_override is not None or (pad and not count_include_pad):
        raise Untraced("only a mean over the whole window is traced")
    return Read(AveragePool(size, _stride(stride, size), pad))


def adaptive_avg_pool2d(owners: Owners, input: Tensor, output_size: Any) -> Read:
    window = _window(input, output_size)
    if window is None:
        return Read(GlobalAverage())
    return SAME if window == 1 else Read(AveragePool(window))


def adaptive_max_pool2d(owners: Owners, input: Tensor, output_size: Any, return_indices: bool = False) -> Read:
    window = _window(input, output_size) or int(input.shape[2])
    if input.shape[2] != input.shape[3] and window != 1:
        raise Untraced(f"its windows of {input.shape[2]}x{input.shape[3]} are not square")
    return SAME if window == 1 else Read(MaxPool(window))


def mean(owners: Owners, input: Tensor, dim: Any = None, keepdim: bool = False, **_: Any) -> Read:
    over = {d % input.dim() for d in ([dim] if isinstance(dim, int) else dim or ())}
    if input.dim() != 4 or over != {2, 3}:
        raise Untraced("only a mean over all positions of each channel is traced, mean((2, 3))")
    return Read(GlobalAverage())


def _window(input: Tensor, output_size: Any) -> int | None:
    """Side of the windows of adaptive pooling; None for one window over all."""
    if input.dim() != 4:
        raise Untraced(f"it pools {tuple(input.shape[1:])}, and only channels of height and width are traced")
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    sides = input.shape[2:]
    out = [side if o is None else o for side, o in zip(sides, given, strict=True)]
    if out == [1, 1]:
        return None
    if tuple(sides) == tuple(out):
        return 1
    steps = {side / o for side, o in zip(sides, out, strict=True)}
    if len(steps) > 1 or not float(step := steps.pop()).is_integer():
        raise Untraced(f"pooling {sides[0]}x{sides[1]} to {out[0]}x{out[1]} has windows of several sizes")
    return int(step)


def _stride(stride: Any, size: int) -> int | None:
    """None for the window's side, as a graph has it: both are one layer."""
    given = size if stride is None or stride == [] else one(stride, "stride")
    return None if given == size else given
