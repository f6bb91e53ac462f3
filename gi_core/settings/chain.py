"""A layer graph as the chain of blocks that a recursion walks: affine maps with what follows them.

Flattening is transparent and batch norm belongs to the layer before it. What cannot be walked
through is a block too, with the reason. No torch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

from gi_core.settings.graph import INPUT, Act, Add, BatchNorm, Conv, Dense, Flatten, Graph, GroupNorm, Layer, Shape

Reading = Literal["inverse", "mask", "none"]

_READINGS: dict[str, Reading] = {
    "none": "inverse", "leaky_relu": "inverse", "elu": "inverse", "sigmoid": "inverse", "tanh": "inverse",
    "softplus": "inverse", "relu": "mask", "relu6": "mask",
}  # fmt: skip
_REASONS = {
    "max_pool": "max pooling does not tell which pixel of a window won",
    "average_pool": "average pooling gives one equation for all pixels of a window",
    "global_average": "global average pooling gives one equation for all pixels of a channel",
    "batch_norm": "batch norm that does not follow a convolution is not folded into one",
    "group_norm": "group norm mixes all positions of its channels, and its mean and variance are not in the update",
    "add": "this sum does not close a residual block of two convolutions",
    "concat": "joined channels are not taken apart again",
    "activation": "this non-linearity does not follow a linear layer",
}


@dataclass(frozen=True)
class Affine:
    """z = W x + b, then batch norm if any, then an activation if any.

    name, batch_norm: modules of the network. input_shape as the layer sees it; a dense layer after a
    picture has the picture's shape in `unflattened`.
    """

    name: str
    op: Conv | Dense
    input_shape: Shape
    shape: Shape
    unflattened: Shape
    batch_norm: str | None = None
    activation: Act | None = None

    @property
    def reading(self) -> Reading:
        return reading(self.activation)

    @property
    def convolution(self) -> Conv:
        """The layer where it is known to be a convolution, as all of a residual block's are."""
        assert isinstance(self.op, Conv)
        return self.op


@dataclass(frozen=True)
class Residual:
    """x -> act(main2(main1 x) + skip x). skip: a 1x1 convolution, None for the identity."""

    name: str
    main: tuple[Affine, Affine]
    skip: Affine | None
    activation: Act | None
    input_shape: Shape
    shape: Shape

    @property
    def reading(self) -> Reading:
        return reading(self.activation)


@dataclass(frozen=True)
class Unsupported:
    """A layer that no recursion goes through; `reason` completes a sentence. kept: equations about its input that its
    output still gives, where the kind alone does not tell.
    """

    reading: ClassVar[Reading] = "none"
    name: str
    kind: str
    reason: str
    input_shape: Shape
    shape: Shape
    kept: int | None = None


Block = Affine | Residual | Unsupported


def reading(activation: Act | None) -> Reading:
    """What is known of z from s(z): z itself, z where it is positive, or neither."""
    return _READINGS.get(activation.kind, "none") if activation else "inverse"


def chain(graph: Graph) -> tuple[Block, ...]:
    """The blocks of a network, image first."""
    return tuple(_Walk(graph).blocks())


def blocking(blocks: tuple[Block, ...], masks: bool) -> tuple[str, str] | None:
    """(name, reason) of the layer nearest the output that a recursion cannot pass, or None.

    masks: whether a mask (ReLU) is enough to go on.
    """
    for block in reversed(blocks):
        if isinstance(block, Unsupported):
            return block.name, block.reason
        inner = (*block.main, block) if isinstance(block, Residual) else (block,)
        for part in reversed(inner):
            if part.reading == "none":
                kind = part.activation.kind if part.activation else ""
                return part.name, f"{kind} takes the same value twice, so it has no inverse"
            if part.reading == "mask" and not masks:
                return part.name, "ReLU has no inverse: peeling reads its mask instead"
    return None


class _Walk:
    def __init__(self, graph: Graph):
        self.graph, self.layers = graph, graph.layers
        self.shapes = {INPUT: graph.input_shape, **{layer.name: layer.shape for layer in graph.layers}}
        self.uses = Counter(source for layer in graph.layers for source in layer.inputs)

    def blocks(self) -> list[Block]:
        found: list[Block] = []
        at = 0
        while at < len(self.layers):
            block, at = self._next(at)
            if block is not None:
                found.append(block)
        return found

    def _next(self, at: int) -> tuple[Block | None, int]:
        layer = self.layers[at]
        if self.uses[layer.inputs[0]] == 2 and isinstance(layer.op, Conv):
            block = self._residual(at)
            if block is not None:
                return block
        if isinstance(layer.op, (Conv, Dense)):
            return self._affine(at)
        if isinstance(layer.op, Flatten):
            return None, at + 1
        reason = _REASONS.get(layer.kind, f"{layer.what} is not a linear layer")
        # a group norm's output does not tell the mean and the length of each group
        kept = prod(layer.shape) - 2 * layer.op.groups if isinstance(layer.op, GroupNorm) else None
        return Unsupported(layer.name, layer.kind, reason, self.shapes[layer.inputs[0]], layer.shape, kept), at + 1

    def _affine(self, at: int, activations: bool = True) -> tuple[Affine, int]:
        """The layer at a place, with the batch norm and activation that only it feeds."""
        layer = last = self.layers[at]
        assert isinstance(layer.op, (Conv, Dense))  # as whoever asks has seen
        norm, act, at = None, None, at + 1
        while at < len(self.layers) and self.layers[at].inputs == (last.name,) and self.uses[last.name] == 1:
            step = self.layers[at]
            if isinstance(step.op, BatchNorm) and norm is None and act is None:
                norm = step.name
            elif isinstance(step.op, Act) and act is None and activations:
                act = step.op
            else:
                break
            last, at = step, at + 1
        entry = layer.inputs[0]
        return Affine(layer.name, layer.op, self.shapes[entry], layer.shape, self._source(entry), norm, act), at

    def _source(self, name: str) -> Shape:
        """The shape of a value before it was flattened."""
        made = next((layer for layer in self.layers if layer.name == name), None)
        return self.shapes[made.inputs[0]] if made is not None and isinstance(made.op, Flatten) else self.shapes[name]

    def _residual(self, at: int) -> tuple[Residual, int] | None:
        """conv-norm-act, conv-norm, [skip conv-norm], add, act: the block that begins here, if it does."""
        entry = self.layers[at].inputs[0]
        first, after = self._affine(at)
        if after >= len(self.layers) or not isinstance(self.layers[after].op, Conv):
            return None
        second, after = self._affine(after, activations=False)
        skip, end = None, self.layers[after - 1].name
        if (
            after < len(self.layers)
            and self.layers[after].inputs == (entry,)
            and isinstance(self.layers[after].op, Conv)
        ):
            skip, after = self._affine(after, activations=False)
        joined = self.layers[after - 1].name if skip is not None else entry
        if after >= len(self.layers) or not _adds(self.layers[after], end, joined):
            return None
        add, after = self.layers[after], after + 1
        act, last = None, self.layers[after] if after < len(self.layers) else None
        if last is not None and isinstance(last.op, Act) and last.inputs == (add.name,):
            act, after = last.op, after + 1
        return Residual(add.name, (first, second), skip, act, self.shapes[entry], add.shape), after


def _adds(layer: Layer, main: str, skip: str) -> bool:
    return isinstance(layer.op, Add) and set(layer.inputs) == {main, skip}
