"""Settings of a network to its layer graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gi_core.common.errors import SpecError
from gi_core.settings.custom import ConvLayer, CustomNet, DenseLayer, PoolLayer, ResidualLayer
from gi_core.settings.graph import (
    INPUT,
    Act,
    Add,
    AveragePool,
    BatchNorm,
    Builder,
    Flatten,
    GlobalAverage,
    Graph,
    GroupNorm,
    MaxPool,
    Shape,
    norm,
)
from gi_core.settings.network_base import LEAKY_SLOPE
from gi_core.settings.networks import CifarResNet, ConvNet, LeNet, Linear, Mlp, Model, ResNet20, ResNet32, ResNet56
from gi_core.settings.rgap_networks import SLOPE, Cnn6, Cnn6D, Fcn3

MAX_PARAMETERS = 120_000_000  # 0.5 GB of float32; update, targets and their derivatives are as large again


def layer_graph(settings: Model, input_shape: Shape, classes: int) -> Graph | None:
    """The graph of a network for pictures (C, H, W); None for torchvision's, which are not drawn here.

    Raises SpecError where the picture is too small or the network too large.
    """
    build = _GRAPHS.get(type(settings))
    if build is None:
        return None
    if min(input_shape[1:]) < settings.min_size:
        raise SpecError(
            f"{settings.title} needs pictures of at least {settings.min_size} pixels,"
            f" not {min(input_shape[1:])}: choose a larger size"
        )
    b = Builder(input_shape)
    build(b, settings)
    b.dense("fc", settings.outputs(classes), bias=settings.last_bias)
    if isinstance(settings, Fcn3):
        b.add("act3", Act("leaky_relu", SLOPE))  # as published: after the logit too
    graph = b.graph()
    if graph.parameters > MAX_PARAMETERS:
        raise SpecError(
            f"{settings.title} would have {graph.parameters / 1e6:.0f} million parameters here, at most"
            f" {MAX_PARAMETERS / 1e6:.0f} are taken: choose smaller pictures, less width or fewer classes"
        )
    return graph


def _lenet(b: Builder, s: LeNet) -> None:
    for k, stride in enumerate((2, 2, 1, 1)[: s.layers], start=1):
        b.conv(f"conv{k}", s.width, 5, stride, 2)
        b.add(f"act{k}", Act(s.activation))
    b.add("flatten", Flatten())


def _convnet(b: Builder, s: ConvNet) -> None:
    """Published: w, 2w, 2w, 4w, 4w, 4w | pool 3 | 4w, 4w | pool 3. Another depth keeps the last two
    (one below depth 4) between the pools and lengthens or shortens what comes before.
    """
    tail = 2 if s.depth >= 4 else 1
    for k in range(s.depth):
        if k == s.depth - tail:
            b.add("pool0", MaxPool(3))
        b.conv(f"conv{k}", s.width * (1, 2, 2, 4)[min(k, 3)], 3, 1, 1)
        if s.batch_norm:
            b.add(f"bn{k}", norm(s.norm, b.shape[0], s.norm_groups))
        b.add(f"act{k}", Act(s.activation))
    b.add("pool1", MaxPool(3))
    b.add("flatten", Flatten())


def _resnet(b: Builder, s: CifarResNet) -> None:
    """3x3 stem, three stages of 16w, 32w, 64w channels and strides 1, 2, 2, global average."""
    b.conv("conv1", 16 * s.width, 3, 1, 1, bias=False)
    b.add("bn1", norm(s.norm, b.shape[0], s.norm_groups))
    b.add("act1", Act(s.activation))
    for stage in range(3):
        for block in range(s.blocks):
            stride = 2 if stage and not block else 1
            channels = 16 * s.width * 2**stage
            normal = norm(s.norm, channels, s.norm_groups)
            _block(b, f"stage{stage + 1}_{block}", channels, stride, s, normal=normal)
    b.add("pool", GlobalAverage())


_NORMS = {"conv1": "bn1", "conv2": "bn2", "down": "downbn"}


def _block(
    b: Builder, name: str, channels: int, stride: int, s: CifarResNet | ResidualLayer,
    kernel: int = 3, bias: bool = False, normal: BatchNorm | GroupNorm | None = None,
) -> None:  # fmt: skip
    """act(conv2(act(conv1 x)) + skip x), the skip a 1x1 convolution where shapes differ."""
    entry, channels_in = b.last, b.shape[0]
    act = Act(s.activation, s.slope if isinstance(s, ResidualLayer) else LEAKY_SLOPE)

    def conv(part: str, kernel: int, stride: int, source: str | None = None) -> str:
        at = b.conv(f"{name}_{part}", channels, kernel, stride, kernel // 2, bias=bias, source=source)
        return b.add(f"{name}_{_NORMS[part]}", normal) if normal else at

    conv("conv1", kernel, stride)
    b.add(f"{name}_act1", act)
    main = conv("conv2", kernel, 1)
    if stride != 1 or channels_in != channels:
        entry = conv("down", 1, stride, source=entry)
    b.add(f"{name}_add", Add(), main, entry)
    b.add(f"{name}_act2", act)


def _mlp(b: Builder, s: Mlp) -> None:
    b.add("flatten", Flatten(), INPUT)
    for k in range(1, s.depth + 1):
        b.dense(f"fc{k}", s.hidden)
        b.add(f"act{k}", Act(s.activation))


def _linear(b: Builder, s: Linear) -> None:
    b.add("flatten", Flatten())


def _cnn6(b: Builder, s: Cnn6) -> None:
    rows = ((12, 4, 2, 2), (s.second, 3, 2, 1), (36, 3, 1, 1), (36, 3, 1, 1), (64, 3, 2, 1), (128, 3, 1, 1))
    for k, (channels, kernel, stride, padding) in enumerate(rows, start=1):
        b.conv(f"conv{k}", channels, kernel, stride, padding, bias=False)
        b.add(f"act{k}", Act("leaky_relu", SLOPE))
    b.add("flatten", Flatten())


def _fcn3(b: Builder, s: Fcn3) -> None:
    b.add("flatten", Flatten())
    for k, features in enumerate((1000, 100), start=1):
        b.dense(f"fc{k}", features, bias=False)
        b.add(f"act{k}", Act("leaky_relu", SLOPE))


def _custom(b: Builder, s: CustomNet) -> None:
    """Rows named layer1, layer2, ...; pictures are flattened before the first dense row."""
    for k, row in enumerate(s.layers, start=1):
        name = f"layer{k}"
        if isinstance(row, DenseLayer):
            if len(b.shape) == 3:
                b.add(f"{name}_flatten", Flatten())
            b.dense(name, row.features, bias=row.bias)
        elif len(b.shape) != 3:
            raise SpecError(f"layer {k} needs a picture, and the dense layer before it gives a vector: put it earlier")
        elif isinstance(row, ResidualLayer):
            if row.kernel % 2 == 0:
                raise SpecError(f"layer {k}: the kernel of a residual block is odd, so that its sum fits")
            _block(b, name, row.channels, row.stride, row, row.kernel, row.bias, _norm(row))
            continue
        elif isinstance(row, PoolLayer):
            b.add(name, (MaxPool if row.kind == "max_pool" else AveragePool)(row.size, row.stride))
            continue
        elif not isinstance(row, ConvLayer):
            b.add(name, GlobalAverage())
            continue
        else:
            b.conv(
                name, row.channels, row.kernel, row.stride, row.padding,
                bias=row.bias, groups=row.groups, dilation=row.dilation,
            )  # fmt: skip
            normal = _norm(row)
            if normal:
                b.add(f"{name}_bn", normal)
        if row.activation != "none":
            b.add(f"{name}_act", Act(row.activation, row.slope))
    if len(b.shape) == 3:
        b.add("flatten", Flatten())


def _norm(row: ConvLayer | ResidualLayer) -> BatchNorm | GroupNorm | None:
    if row.group_norm:
        return GroupNorm(row.group_norm, row.channels)
    return BatchNorm(row.channels) if row.batch_norm else None


# a builder takes the settings that it stands beside
_GRAPHS: dict[type[Model], Callable[[Builder, Any], None]] = {
    LeNet: _lenet, ConvNet: _convnet, ResNet20: _resnet, ResNet32: _resnet, ResNet56: _resnet, Mlp: _mlp, Linear: _linear,
    Cnn6: _cnn6, Cnn6D: _cnn6, Fcn3: _fcn3, CustomNet: _custom,
}  # fmt: skip
