"""torchvision's networks as layer graphs, drawn by hand so that counting needs no torch.

Layers carry the paths of torchvision's modules; sums, joins and what torchvision calls without a module
have names of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gi_core.common.errors import SpecError
from gi_core.settings.graph import (
    INPUT,
    Act,
    Add,
    AveragePool,
    BatchNorm,
    Builder,
    Concat,
    Conv,
    GlobalAverage,
    Graph,
    MaxPool,
    Opaque,
    Shape,
    norm,
)
from gi_core.settings.networks import Model, TorchvisionModel, TorchvisionResNet, VisionTransformer

MAX_TOKENS = 1024  # attention costs tokens squared, and its second derivative keeps all of it
RESNETS = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
    "resnet152": ("bottleneck", (3, 8, 36, 3)),
}
DENSE_BLOCKS = (6, 12, 24, 16)
_INVERTED = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def check_picture(settings: Model, input_shape: Shape) -> None:
    """Raises SpecError where a torchvision network and a picture (C, H, W) do not fit."""
    channels, height, width = input_shape
    if settings.channels_only not in (None, channels):
        raise SpecError(f"{settings.title} takes colour pictures, this one is grey: set channels to 3")
    if min(height, width) < settings.min_size:
        raise SpecError(
            f"{settings.title} needs pictures of at least {settings.min_size} pixels,"
            f" not {min(height, width)}: choose a larger size"
        )
    if isinstance(settings, VisionTransformer):
        _check_patches(settings, height, width)


def _check_patches(settings: VisionTransformer, height: int, width: int) -> None:
    if height != width:
        raise SpecError(f"{settings.title} takes square pictures, not {height}x{width}")
    if height % settings.patch:
        raise SpecError(
            f"a patch of {settings.patch} does not divide the picture's side {height}: change model.patch or the size"
        )
    if settings.hidden % settings.heads:
        raise SpecError(f"{settings.heads} heads do not divide the hidden size {settings.hidden}: change model.heads")
    tokens = (height // settings.patch) ** 2
    if tokens > MAX_TOKENS:
        raise SpecError(
            f"a patch of {settings.patch} cuts {height} pixels into {tokens} tokens,"
            f" at most {MAX_TOKENS} are taken: choose a larger model.patch"
        )


def torchvision_graph(settings: Model, input_shape: Shape, classes: int) -> Graph:
    """The graph of a torchvision network. Raises SpecError."""
    check_picture(settings, input_shape)
    b = Builder(input_shape)
    if isinstance(settings, TorchvisionResNet):
        head = _resnet(b, settings)
    elif isinstance(settings, VisionTransformer):
        head = _vit(b, settings)
    else:
        head = {"densenet121": _densenet, "mobilenet_v2": _mobilenet}[settings.kind](b)
    b.dense(head, settings.outputs(classes))
    return _normalised(b.graph(), settings) if isinstance(settings, TorchvisionModel) else b.graph()


def _normalised(graph: Graph, settings: TorchvisionModel) -> Graph:
    """The graph with the normalisation that the settings ask for, where torchvision has batch norm."""
    layers = tuple(
        replace(layer, op=norm(settings.norm, layer.op.channels, settings.norm_groups))
        if isinstance(layer.op, BatchNorm) else layer
        for layer in graph.layers
    )  # fmt: skip
    return Graph(graph.input_shape, layers)


def _conv(
    b: Builder, name: str, norm: str, act: str, channels: int, kernel: int, stride: int = 1,
    groups: int = 1, source: str | None = None, activation: Literal["relu", "relu6"] = "relu",
) -> str:  # fmt: skip
    """Convolution, batch norm, and an activation where it has a name."""
    b.conv(name, channels, kernel, stride, kernel // 2, bias=False, groups=groups, source=source)
    last = b.add(norm, BatchNorm(channels))
    return b.add(act, Act(activation)) if act else last


def _resnet(b: Builder, s: TorchvisionResNet) -> str:
    cifar = s.stem == "cifar"
    _conv(b, "conv1", "bn1", "relu", 64, 3 if cifar else 7, 1 if cifar else 2)
    if not cifar:
        b.add("maxpool", MaxPool(3, 2, 1))
    kind, depths = RESNETS[s.kind]
    for stage, depth in enumerate(depths):
        for block in range(depth):
            stride = 2 if stage and not block else 1
            _resnet_block(b, f"layer{stage + 1}.{block}", 64 * 2**stage, stride, kind == "bottleneck")
    b.add("avgpool", GlobalAverage())
    return "fc"


def _resnet_block(b: Builder, name: str, width: int, stride: int, bottleneck: bool) -> None:
    entry, channels = b.last, width * 4 if bottleneck else width
    project = stride != 1 or b.shape[0] != channels
    # a bottleneck has its stride in the 3x3 convolution, as torchvision's does
    plan = ((width, 1, 1), (width, 3, stride), (channels, 1, 1)) if bottleneck else ((width, 3, stride), (width, 3, 1))
    main = entry
    for k, (out, kernel, step) in enumerate(plan, start=1):
        act = f"{name}.relu{k}" if k < len(plan) else ""
        main = _conv(b, f"{name}.conv{k}", f"{name}.bn{k}", act, out, kernel, step)
    if project:
        entry = _conv(b, f"{name}.downsample.0", f"{name}.downsample.1", "", channels, 1, stride, source=entry)
    b.add(f"{name}.add", Add(), main, entry)
    b.add(f"{name}.out", Act("relu"))  # torchvision reuses one `relu` module


def _densenet(b: Builder) -> str:
    _conv(b, "features.conv0", "features.norm0", "features.relu0", 64, 7, 2)
    b.add("features.pool0", MaxPool(3, 2, 1))
    for number, depth in enumerate(DENSE_BLOCKS, start=1):
        for k in range(1, depth + 1):
            entry, name = b.last, f"features.denseblock{number}.denselayer{k}"
            _before(b, name, "1")
            _conv(b, f"{name}.conv1", f"{name}.norm2", f"{name}.relu2", 128, 1)
            b.conv(f"{name}.conv2", 32, 3, 1, 1, bias=False)
            b.add(f"{name}.concat", Concat(), entry, f"{name}.conv2")
        if number < len(DENSE_BLOCKS):
            name = f"features.transition{number}"
            _before(b, name, "")
            b.conv(f"{name}.conv", b.shape[0] // 2, 1, bias=False)
            b.add(f"{name}.pool", AveragePool(2))
    b.add("features.norm5", BatchNorm(b.shape[0]))
    b.add("features.relu5", Act("relu"))
    b.add("pool", GlobalAverage())
    return "classifier"


def _before(b: Builder, name: str, number: str) -> None:
    b.add(f"{name}.norm{number}", BatchNorm(b.shape[0]))
    b.add(f"{name}.relu{number}", Act("relu"))


def _mobilenet(b: Builder) -> str:
    _block(b, "features.0", 32, 3, 2)
    index = 1
    for expand, channels, repeats, first_stride in _INVERTED:
        for k in range(repeats):
            entry, entered = b.last, b.shape[0]
            name, stride = f"features.{index}", first_stride if k == 0 else 1
            if expand != 1:
                _block(b, f"{name}.conv.0", entered * expand, 1)
            at = int(expand != 1)
            _block(b, f"{name}.conv.{at}", b.shape[0], 3, stride, groups=b.shape[0])
            last = _conv(b, f"{name}.conv.{at + 1}", f"{name}.conv.{at + 2}", "", channels, 1)
            if stride == 1 and entered == channels:
                b.add(f"{name}.add", Add(), last, entry)
            index += 1
    _block(b, f"features.{index}", 1280, 1)
    b.add("pool", GlobalAverage())
    return "classifier.1"


def _block(b: Builder, name: str, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
    parts = (f"{name}.0", f"{name}.1", f"{name}.2")
    _conv(b, *parts, channels, kernel, stride, groups, activation="relu6")


def _vit(b: Builder, s: VisionTransformer) -> str:
    """Patches by one convolution; the encoder's blocks mix tokens and are not drawn further."""
    h = s.hidden
    clip = s.family == "clip"
    b.add("conv_proj", Conv(b.shape[0], h, s.patch, s.patch, bias=not clip), INPUT)
    tokens = b.shape[1] * b.shape[2] + 1
    b.add("tokens", Opaque("adding the class token and positions", (tokens, h), h + tokens * h))
    if clip:
        b.add("encoder.layers.ln_pre", Opaque("layer norm", (tokens, h), 2 * h))
    block = 4 * h * h + 4 * h + 8 * h * h + 5 * h + 4 * h  # attention, two dense layers, two layer norms
    for k in range(s.depth):
        b.add(f"encoder.layers.encoder_layer_{k}", Opaque("an attention block", (tokens, h), block))
    b.add("encoder.ln", Opaque("layer norm", (tokens, h), 2 * h))
    b.add("class_token", Opaque("picking the class token", (h,)))
    return "heads.head"
