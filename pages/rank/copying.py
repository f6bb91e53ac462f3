"""A known network as rows that can be edited."""

from __future__ import annotations

from functools import lru_cache

from pydantic import ValidationError

from gi_core.settings import MODELS, SpecError
from gi_core.settings.chain import Affine, Block, Residual, chain
from gi_core.settings.custom import ConvLayer, CustomNet, DenseLayer, GlobalAverageLayer, PoolLayer, ResidualLayer
from gi_core.settings.graph import Act, Conv, Dense, GlobalAverage, Graph, MaxPool, Shape
from gi_core.settings.layer_graphs import layer_graph
from gi_core.settings.networks import Model


def rows(settings: Model, shape: Shape, classes: int) -> CustomNet | None:
    """The same network as rows; None where rows cannot say it, or it does not take such pictures.

    A non-linearity after the last layer is left out: rows end in plain outputs.
    """
    try:
        graph = layer_graph(settings, shape, classes)
    except SpecError:
        return None
    if graph is None:
        return None
    *blocks, last = chain(graph)
    if not isinstance(last, Affine) or not isinstance(last.op, Dense):
        return None
    try:
        return CustomNet(
            layers=tuple(_row(block, graph) for block in blocks), bias=last.op.bias,
            logits="one" if settings.one_logit else "classes",
            init=settings.init, seed=settings.seed, classes=settings.classes,
        )  # fmt: skip
    except (ValidationError, LookupError):
        return None


@lru_cache(maxsize=8)
def starts(shape: Shape, classes: int) -> tuple[str, ...]:
    """Kinds of networks that can be copied for such pictures."""
    return tuple(kind for kind, cls in MODELS.items() if kind != "custom" and rows(cls(), shape, classes) is not None)


def _row(block: Block, graph: Graph):
    """Raises LookupError for a block that no row says."""
    if isinstance(block, Residual):
        return _residual(block)
    if isinstance(block, Affine):
        if isinstance(block.op, Dense):
            return DenseLayer(features=block.op.features, bias=block.op.bias, **_after(block.activation))
        op: Conv = block.op
        return ConvLayer(
            channels=op.channels, kernel=op.kernel, stride=op.stride, padding=op.padding, groups=op.groups,
            dilation=op.dilation, bias=op.bias, batch_norm=block.batch_norm is not None, **_after(block.activation),
        )  # fmt: skip
    op = next(layer.op for layer in graph.layers if layer.name == block.name)
    if isinstance(op, MaxPool) and not op.padding:
        return PoolLayer(kind=op.op, size=op.size, stride=op.stride)
    if isinstance(op, GlobalAverage):
        return GlobalAverageLayer()
    raise LookupError(block.name)


def _residual(block: Residual) -> ResidualLayer:
    first, second = block.main
    same = first.op.kernel == second.op.kernel and first.op.padding == first.op.kernel // 2
    if not same or first.activation != block.activation or block.activation is None:
        raise LookupError(block.name)
    return ResidualLayer(
        channels=first.op.channels, kernel=first.op.kernel, stride=first.op.stride, bias=first.op.bias,
        batch_norm=first.batch_norm is not None, **_after(block.activation),
    )  # fmt: skip


def _after(activation: Act | None) -> dict:
    if activation is None:
        return {"activation": "none"}
    return {"activation": activation.kind, "slope": activation.slope}
