"""Settings of a network to its layer graph."""

from __future__ import annotations

from gi_core.spec.base import SpecError
from gi_core.spec.graph import (
    INPUT,
    Act,
    Add,
    BatchNorm,
    Builder,
    Flatten,
    GlobalAverage,
    Graph,
    MaxPool,
    Shape,
)
from gi_core.spec.models import CifarResNet, ConvNet, LeNet, Linear, Mlp, Model

MAX_PARAMETERS = 120_000_000  # 0.5 GB of float32; update, targets and their derivatives are as large again


def layer_graph(settings: Model, input_shape: Shape, classes: int) -> Graph | None:
    """The graph of a network for pictures (C, H, W); None for torchvision's, which are not drawn here.

    Raises SpecError where the picture is too small or the network too large.
    """
    build = _GRAPHS.get(type(settings)) or (_resnet if isinstance(settings, CifarResNet) else None)
    if build is None:
        return None
    if min(input_shape[1:]) < settings.min_size:
        raise SpecError(
            f"{settings.title} needs pictures of at least {settings.min_size} pixels,"
            f" not {min(input_shape[1:])}: choose a larger size"
        )
    b = Builder(input_shape)
    build(b, settings)
    b.dense("fc", classes)
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
            b.add(f"bn{k}", BatchNorm(b.shape[0]))
        b.add(f"act{k}", Act(s.activation))
    b.add("pool1", MaxPool(3))
    b.add("flatten", Flatten())


def _resnet(b: Builder, s: CifarResNet) -> None:
    """3x3 stem, three stages of 16w, 32w, 64w channels and strides 1, 2, 2, global average."""
    b.conv("conv1", 16 * s.width, 3, 1, 1, bias=False)
    b.add("bn1", BatchNorm(b.shape[0]))
    b.add("act1", Act(s.activation))
    for stage in range(3):
        for block in range(s.blocks):
            stride = 2 if stage and not block else 1
            _block(b, f"stage{stage + 1}_{block}", 16 * s.width * 2**stage, stride, s)
    b.add("pool", GlobalAverage())


def _block(b: Builder, name: str, channels: int, stride: int, s: CifarResNet) -> None:
    entry, channels_in = b.last, b.shape[0]
    b.conv(f"{name}_conv1", channels, 3, stride, 1, bias=False)
    b.add(f"{name}_bn1", BatchNorm(channels))
    b.add(f"{name}_act1", Act(s.activation))
    b.conv(f"{name}_conv2", channels, 3, 1, 1, bias=False)
    main = b.add(f"{name}_bn2", BatchNorm(channels))
    if stride != 1 or channels_in != channels:
        b.conv(f"{name}_down", channels, 1, stride, bias=False, source=entry)
        entry = b.add(f"{name}_downbn", BatchNorm(channels))
    b.add(f"{name}_add", Add(), main, entry)
    b.add(f"{name}_act2", Act(s.activation))


def _mlp(b: Builder, s: Mlp) -> None:
    b.add("flatten", Flatten(), INPUT)
    for k in range(1, s.depth + 1):
        b.dense(f"fc{k}", s.hidden)
        b.add(f"act{k}", Act(s.activation))


def _linear(b: Builder, s: Linear) -> None:
    b.add("flatten", Flatten())


_GRAPHS = {LeNet: _lenet, ConvNet: _convnet, Mlp: _mlp, Linear: _linear}
