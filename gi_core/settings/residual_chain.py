"""A residual network as the recursion `residual` walks it, and down to which layer its size is exact. No torch.

A layer of k x k kernels shows its input's H W values through Cout k^2 equations of each channel, Cout more where a
projection reads the same input: it is determined where H W is no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from gi_core.settings.chain import Affine, Block, Residual, Unsupported
from gi_core.settings.graph import Conv, Dense

MOST_POSITIONS = 64
"""Most positions of the last feature map: its mask costs their number to the sixth power."""


@dataclass(frozen=True)
class ResidualNet:
    """stem: convolution, batch norm, ReLU; pool: the max pooling after it, if any; blocks: nearest the image first;
    head: the dense layer over the mean of each channel.
    """

    stem: Affine
    pool: Unsupported | None
    blocks: tuple[Residual, ...]
    head: Affine

    @property
    def positions(self) -> int:
        """Positions of the last feature map."""
        return prod(self.blocks[-1].shape[1:])


def parse(blocks: tuple[Block, ...]) -> ResidualNet | str:
    """The network of these blocks (image first), or one sentence that says why it is none."""
    head = blocks[-1] if blocks else None
    if not isinstance(head, Affine) or not isinstance(head.op, Dense):
        return "the recursion begins at a dense last layer, which this network does not have"
    if len(blocks) < 4 or not isinstance(blocks[-2], Unsupported) or blocks[-2].kind != "global_average":
        return (
            "residual recovery begins at the mean over positions before the last layer, which this network does not have:"
            " choose peeling"
        )
    stem, inner = blocks[0], blocks[1:-2]
    pool = inner[0] if inner and isinstance(inner[0], Unsupported) and inner[0].kind == "max_pool" else None
    found = inner[1:] if pool is not None else inner
    for block in found:
        if not isinstance(block, Residual) or not _relu(block) or not _relu(block.main[0]):
            reason = (
                block.reason
                if isinstance(block, Unsupported)
                else "it is no residual block of two convolutions with ReLU"
            )
            return f"layer {block.name} cannot be passed: {reason}"
    if not isinstance(stem, Affine) or not isinstance(stem.op, Conv) or not _relu(stem):
        return "residual recovery ends at a convolution with ReLU, and this network begins with something else"
    return ResidualNet(stem, pool, tuple(b for b in found if isinstance(b, Residual)), head)


def _relu(block: Affine | Residual) -> bool:
    return block.activation is not None and block.activation.kind == "relu"


def refusal(blocks: tuple[Block, ...], images: int, batch_norm: str = "eval", shared: bool = False) -> str | None:
    """Why residual recovery cannot go through this network with this update; None where it can. shared: whether batch norm's
    statistics are.
    """
    net = parse(blocks)
    if isinstance(net, str):
        return net
    channels = net.blocks[-1].shape[0]
    if not net.head.op.bias:
        return "the last layer has no bias, so dL/dlogits is not in the update: residual recovery needs it"
    if net.positions > min(channels, MOST_POSITIONS):
        return (
            f"the last feature map has {net.positions} positions and {channels} channels: its mask is found for at most"
            f" {min(channels, MOST_POSITIONS)} positions, so choose a smaller size"
        )
    normed = [bool(part.batch_norm) for part in parts(net)[:-1]]
    if batch_norm == "train" and any(normed):
        if not shared:
            return (
                "batch norm in train mode mixes all positions of a channel, and its statistics are not shared: choose"
                " client.statistics=shared (with the statistics of a recorded round), or client.batch_norm=eval"
            )
        if not all(normed):
            return "with batch norm in train mode every convolution needs one: choose client.batch_norm=eval"
        if net.positions == 1:
            return "batch norm in train mode makes a last feature map of one position zero: choose a larger size"
    if images > 1:
        return (
            f"residual recovery reads one picture, and this update is of {images}: choose one picture, or gradient"
            " matching"
        )
    return None


def title(block: Residual) -> str:
    """What a sentence calls a block: its module, or its rows."""
    return block.name.removesuffix(".add").removesuffix("_add")


def parts(net: ResidualNet) -> list[Affine]:
    """Every layer with weights."""
    inner = [part for b in net.blocks for part in (*b.main, b.skip) if part is not None]
    return [net.stem, *inner, net.head]


def determined(layer: Affine, skip: Affine | None = None) -> bool:
    """Whether there are as many equations as a channel of the layer's input has values."""
    op = layer.convolution
    return prod(layer.input_shape[1:]) <= op.channels * op.kernel**2 + (skip.convolution.channels if skip else 0)


def exact_blocks(net: ResidualNet) -> int:
    """How many blocks, counted from the output, are passed by equations alone."""
    count = 0
    for block in reversed(net.blocks):
        first, second = block.main
        if not determined(second) or not determined(first, block.skip):
            break
        count += 1
    return count


def searched(blocks: tuple[Block, ...]) -> list[str]:
    """What to expect where a picture of this size is larger than every block's equations: one sentence, or none."""
    net = parse(blocks)
    return [] if isinstance(net, str) or exact_blocks(net) == len(net.blocks) else [depth(net)]


def depth(net: ResidualNet) -> str:
    """One sentence: how far down the equations determine a picture of this size."""
    side = "x".join(str(n) for n in reversed(net.stem.input_shape[1:]))
    missing = len(net.blocks) - exact_blocks(net)
    if not missing:
        return f"at {side} pixels every block has enough equations, so only the first layer is left to search for"
    block = net.blocks[missing - 1]
    return (
        f"at {side} pixels the equations determine the network down to the output of {block.name.removesuffix('.add')};"
        f" the {missing} block{'s' if missing > 1 else ''} below {'are' if missing > 1 else 'is'} searched for"
    )
