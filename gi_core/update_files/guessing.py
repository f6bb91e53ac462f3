"""Which network an update is of, by the names and shapes of its tensors: a guess that the worker then checks. No torch.

What shapes do not tell stays at its default: activations, and the picture's size behind a global average. Where several
sizes end in the same last layer, the usual one is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gi_core.tensor_files import transformer_names
from gi_core.tensor_files.naming import schemes

Shape = tuple[int, ...]
_BLOCKS: dict[tuple[int, ...], str] = {(2, 2, 2, 2): "resnet18", (3, 4, 6, 3): "resnet34", (3, 8, 36, 3): "resnet152"}
_CIFAR = {3: "resnet20", 5: "resnet32", 9: "resnet56"}


def guess(given: Mapping[str, Shape]) -> dict[str, Any] | None:
    """{model, size, channels} of the network that these shapes look like; size is None where they do not tell it.

    given: name in the file -> shape. None where they look like none that is known here.
    """
    found = _transformer(given)
    if found:
        return found
    for _, renamed in schemes(given):
        shapes = {new: tuple(given[old]) for new, old in renamed.items()}
        for look in (_convnet, _lenet, _residual, _cifar, _mlp, _linear):
            found = look(shapes)
            if found:
                return found
    return None


def _transformer(given: Mapping[str, Shape]) -> dict[str, Any] | None:
    """A vision transformer under any library's names. Heads leave no trace in shapes: 64 values each are usual."""
    read = transformer_names.read(given)
    if read is None:
        return None
    places = {key: transformer_names.place(names[0], read.prefix, given) for key, names in read.family.names(1).items()}
    shapes = {key: tuple(given[name]) for key, name in places.items() if name in given}
    kernel, positions = shapes.get("conv_proj.weight"), shapes.get("encoder.pos_embedding")
    if kernel is None or len(kernel) != 4 or "class_token" not in shapes:
        return None
    hidden, channels, patch = kernel[0], kernel[1], kernel[2]
    values: dict[str, Any] = {
        "kind": "vit", "patch": patch, "hidden": hidden, "heads": max(1, hidden // 64), "depth": read.blocks,
    }  # fmt: skip
    if "encoder.layers.ln_pre.weight" in shapes:
        values["family"] = "clip"
    elif read.family.setting == "hugging_face":
        values["family"] = "hugging_face"
    if "heads.head.weight" in shapes:
        values["classes"] = shapes["heads.head.weight"][0]
    side = math.isqrt(max(0, positions[-2] - 1)) if positions is not None and len(positions) > 1 else 0
    return {"model": values, "size": side * patch or None, "channels": channels}


def _convnet(shapes: Mapping[str, Shape]) -> dict[str, Any] | None:
    first, last = shapes.get("conv0.weight"), shapes.get("fc.weight")
    if first is None or last is None or first[2:] != (3, 3):
        return None
    depth = _count(shapes, "conv{}.weight", 0)
    tail = shapes[f"conv{depth - 1}.weight"][0]
    values = {
        "kind": "convnet", "width": first[0], "depth": depth, "batch_norm": "bn0.weight" in shapes, "classes": last[0],
    }  # fmt: skip
    side = _side(last[1], tail)
    usual = (28, 25, 32) if first[1] == 1 else (32, 28, 25)
    fitting = [size for size in (*usual, 64, 224, 128, 96, 48, 16, *range(9, 513)) if size // 3 // 3 == side]
    return {"model": values, "size": fitting[0] if side and fitting else None, "channels": first[1]}


def _lenet(shapes: Mapping[str, Shape]) -> dict[str, Any] | None:
    first, last = shapes.get("conv1.weight"), shapes.get("fc.weight")
    layers = _count(shapes, "conv{}.weight", 1)
    if first is None or last is None or first[2:] != (5, 5) or layers not in (3, 4):
        return None
    side = _side(last[1], first[0])
    values = {"kind": "lenet", "layers": layers, "width": first[0], "classes": last[0]}
    return {"model": values, "size": 4 * side if side and side <= 128 else None, "channels": first[1]}


def _residual(shapes: Mapping[str, Shape]) -> dict[str, Any] | None:
    """torchvision's: stages of blocks, two convolutions in a block or three."""
    first, last = shapes.get("conv1.weight"), shapes.get("fc.weight")
    if first is None or last is None or "layer4.0.conv1.weight" not in shapes:
        return None
    blocks = tuple(_count(shapes, f"layer{stage}.{{}}.conv1.weight", 0) for stage in (1, 2, 3, 4))
    kind = _BLOCKS.get(blocks)
    if "layer1.0.conv3.weight" in shapes:
        kind = {"resnet34": "resnet50"}.get(kind or "", kind)
    if kind is None:
        return None
    small = first[2:] == (3, 3)
    values = {"kind": kind, "stem": "cifar" if small else "imagenet", "classes": last[0]}
    return {"model": values, "size": 32 if small else 224, "channels": first[1]}


def _cifar(shapes: Mapping[str, Shape]) -> dict[str, Any] | None:
    first, last = shapes.get("conv1.weight"), shapes.get("fc.weight")
    kind = _CIFAR.get(_count(shapes, "stage1_{}_conv1.weight", 0))
    if first is None or last is None or kind is None:
        return None
    return {
        "model": {"kind": kind, "width": max(1, first[0] // 16), "classes": last[0]}, "size": 32, "channels": first[1],
    }  # fmt: skip


def _mlp(shapes: Mapping[str, Shape]) -> dict[str, Any] | None:
    first, last = shapes.get("fc1.weight"), shapes.get("fc.weight")
    if first is None or last is None or any(len(shape) == 4 for shape in shapes.values()):
        return None
    values = {"kind": "mlp", "hidden": first[0], "depth": _count(shapes, "fc{}.weight", 1), "classes": last[0]}
    return {"model": values, **_flat(first[1])}


def _linear(shapes: Mapping[str, Shape]) -> dict[str, Any] | None:
    if set(shapes) != {"fc.weight", "fc.bias"} or len(shapes["fc.weight"]) != 2:
        return None
    return {"model": {"kind": "linear", "classes": shapes["fc.weight"][0]}, **_flat(shapes["fc.weight"][1])}


def _flat(values: int) -> dict[str, Any]:
    """Size and channels of a flattened picture: in colour if three squares fit, else grey."""
    for channels in (3, 1):
        side = _side(values, channels)
        if side is not None:
            return {"size": side, "channels": channels}
    return {"size": None, "channels": None}


def _side(values: int, channels: int) -> int | None:
    """Side of a square map of so many values."""
    side = math.isqrt(values // channels)
    return side if channels * side * side == values else None


def _count(shapes: Mapping[str, Shape], pattern: str, first: int) -> int:
    """How many names of the pattern there are, numbered from `first`."""
    number = first
    while pattern.format(number) in shapes:
        number += 1
    return number - first
