"""What one call of torch in a network's forward pass means as a layer of a graph.

A reader has the parameters of the torch function that it is named after, with `owners` in front: the same names whether
the function is called as `F.relu(x)`, `torch.relu(x)`, `x.relu()` or, in a file of torch.export, `aten.relu(x)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from gi_core.networks.traced_pools import adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool2d, max_pool2d, mean
from gi_core.networks.traced_reading import SAME, Owners, Read, Untraced, one
from gi_core.settings.graph import (
    Act,
    BatchNorm,
    Conv,
    Dense,
    GroupNorm,
)
from gi_core.settings.network_base import Activation


def conv2d(
    owners: Owners, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Read:  # fmt: skip
    sides = weight.shape[2:]
    if sides[0] != sides[1]:
        raise Untraced(f"its kernel of {sides[0]}x{sides[1]} is not square")
    kernel, dilation, stride = int(sides[0]), one(dilation, "dilation"), one(stride, "stride")
    if isinstance(padding, str):
        reach = dilation * (kernel - 1)
        if padding == "same" and reach % 2:
            raise Untraced("padding='same' pads this kernel unevenly: give an odd kernel")
        padding = reach // 2 if padding == "same" else 0
    op = Conv(
        input.shape[1], weight.shape[0], kernel, stride, one(padding, "padding"), bias is not None, groups, dilation
    )
    return Read(op, owners.of(weight, bias))


def linear(owners: Owners, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Read:
    if input.dim() != 2:
        raise Untraced(f"it takes {tuple(input.shape[1:])} of each picture, and only one vector of each is traced")
    return Read(Dense(weight.shape[1], weight.shape[0], bias is not None), owners.of(weight, bias))


def batch_norm(
    owners: Owners, input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, *_: Any, **__: Any,
) -> Read:  # fmt: skip
    if training or running_mean is None or running_var is None:
        raise Untraced("this batch norm keeps no statistics, so it mixes the pictures of a batch even in eval mode")
    if weight is None or bias is None:
        raise Untraced("this batch norm has no weight and bias: use affine=True")
    return Read(BatchNorm(input.shape[1]), owners.of(weight, bias))


def _aten_batch_norm(owners: Owners, input: Tensor, weight, bias, running_mean, running_var, training, *_: Any) -> Read:
    return batch_norm(owners, input, running_mean, running_var, weight, bias, training)


def group_norm(owners: Owners, input: Tensor, num_groups: int, weight=None, bias=None, *_: Any, **__: Any) -> Read:
    if weight is None or bias is None:
        raise Untraced("this group norm has no weight and bias: use affine=True")
    return Read(GroupNorm(num_groups, input.shape[1]), owners.of(weight, bias))


def _activation(kind: Activation) -> Callable[..., Read]:
    return lambda owners, input, *_, **__: Read(Act(kind))


def leaky_relu(owners: Owners, input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Read:
    if not 0 < negative_slope <= 1:
        raise Untraced(f"its slope {negative_slope:g} is not between 0 and 1")
    return Read(Act("leaky_relu", float(negative_slope)))


def hardtanh(owners: Owners, input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Read:
    return clamp(owners, input, min_val, max_val)


def clamp(owners: Owners, input: Tensor, min: Any = None, max: Any = None) -> Read:
    if isinstance(min, (int, float)) and min == 0 and max in (None, 6):
        return Read(Act("relu6" if max else "relu"))
    raise Untraced(f"it clamps to [{min}, {max}]: only ReLU and ReLU6 are traced")


def elu(owners: Owners, input: Tensor, alpha: float = 1.0, *_: Any, **__: Any) -> Read:
    if alpha != 1:
        raise Untraced(f"only an ELU of alpha 1 is traced, not {alpha:g}")
    return Read(Act("elu"))


def softplus(owners: Owners, input: Tensor, beta: float = 1, threshold: float = 20) -> Read:
    if beta != 1:
        raise Untraced(f"only a softplus of beta 1 is traced, not {beta:g}")
    return Read(Act("softplus"))


def dropout(
    owners: Owners, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, **more: Any
) -> Read:
    if more.get("train", training) and p:
        raise Untraced("it drops values in eval mode too: use nn.Dropout, or pass training=self.training")
    return SAME


def same(owners: Owners, input: Tensor, *_: Any, **__: Any) -> Read:
    return SAME


def flat(before: Tensor, after: Tensor) -> bool:
    """Whether a change of shape makes one vector of each picture, True, or none at all, False. Raises Untraced."""
    if before.shape == after.shape:
        return False
    if after.dim() >= 2 and len(after) == len(before) and after.shape[1] == math.prod(before.shape[1:]):
        return True  # (N, D), or on the way there (N, D, 1)
    raise Untraced(f"it makes {tuple(after.shape)} of {tuple(before.shape)}: only flattening each picture is traced")


RESHAPES = {"flatten", "view", "reshape", "squeeze", "unsqueeze", "_unsafe_view", "view_as", "reshape_as", "ravel"}
READERS: dict[str, Callable[..., Read]] = {
    "conv2d": conv2d, "linear": linear, "batch_norm": batch_norm, "group_norm": group_norm, "leaky_relu": leaky_relu,
    "hardtanh": hardtanh, "clamp": clamp, "clip": clamp, "clamp_min": clamp, "elu": elu, "softplus": softplus,
    "max_pool2d": max_pool2d, "avg_pool2d": avg_pool2d, "adaptive_avg_pool2d": adaptive_avg_pool2d, "mean": mean,
    "adaptive_max_pool2d": adaptive_max_pool2d,
    **{kind: _activation(kind) for kind in ("sigmoid", "relu", "gelu", "silu", "tanh")},
    "relu6": lambda owners, input, *_, **__: Read(Act("relu6")),
    **dict.fromkeys(("dropout", "dropout2d", "dropout1d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"), dropout),
    **dict.fromkeys(("contiguous", "clone", "float", "to", "type", "type_as", "positive", "alias", "lift_fresh_copy"), same),
}  # fmt: skip
"""By the plain name of a function."""
KINKED = {"relu", "relu6", "leaky_relu", "hardtanh", "clamp", "clip", "clamp_min", "max_pool2d", "adaptive_max_pool2d",
          "prelu", "rrelu", "hardswish", "hardsigmoid", "threshold", "abs", "maximum", "max", "hardshrink"}  # fmt: skip
"""Functions whose slope jumps."""


def reader(module: str | None, name: str) -> Callable[..., Read] | None:
    """What reads a function, by its module and its plain name; None for one that is no layer."""
    if name == "batch_norm" and module != "torch.nn.functional":
        return _aten_batch_norm  # another order of the same arguments
    return READERS.get(name)
