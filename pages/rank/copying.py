"""A known network as rows that can be edited."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from pydantic import ValidationError

from gi_core.settings import MODELS, SpecError
from gi_core.settings.chain import Affine, Block, Residual, chain
from gi_core.settings.custom import (
    AnyLayer,
    ConvLayer,
    CustomNet,
    DenseLayer,
    GlobalAverageLayer,
    PoolLayer,
    ResidualLayer,
)
from gi_core.settings.graph import Act, AveragePool, Conv, Dense, GlobalAverage, Graph, MaxPool, Shape
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


def _row(block: Block, graph: Graph) -> AnyLayer:
    """Raises LookupError for a block that no row says."""
    if isinstance(block, Residual):
        return _residual(block)
    if isinstance(block, Affine):
        if isinstance(block.op, Dense):
            return DenseLayer(features=block.op.features, bias=block.op.bias, **_after(block.activation))
        op = block.op
        return ConvLayer(
            channels=op.channels, kernel=op.kernel, stride=op.stride, padding=op.padding, groups=op.groups,
            dilation=op.dilation, bias=op.bias, batch_norm=block.batch_norm is not None, **_after(block.activation),
        )  # fmt: skip
    other = next(layer.op for layer in graph.layers if layer.name == block.name)
    if isinstance(other, MaxPool) and not other.padding:
        kind: Literal["max_pool", "average_pool"] = "average_pool" if isinstance(other, AveragePool) else "max_pool"
        return PoolLayer(kind=kind, size=other.size, stride=other.stride)
    if isinstance(other, GlobalAverage):
        return GlobalAverageLayer()
    raise LookupError(block.name)


def _residual(block: Residual) -> ResidualLayer:
    first, second = (part.op for part in block.main)
    if not isinstance(first, Conv) or not isinstance(second, Conv):
        raise LookupError(block.name)
    same = first.kernel == second.kernel and first.padding == first.kernel // 2
    if not same or block.main[0].activation != block.activation or block.activation is None:
        raise LookupError(block.name)
    return ResidualLayer(
        channels=first.channels, kernel=first.kernel, stride=first.stride, bias=first.bias,
        batch_norm=block.main[0].batch_norm is not None, **_after(block.activation),
    )  # fmt: skip


def _after(activation: Act | None) -> dict[str, Any]:
    if activation is None:
        return {"activation": "none"}
    return {"activation": activation.kind, "slope": activation.slope}
