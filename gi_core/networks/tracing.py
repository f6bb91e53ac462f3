"""Any torch module as a layer graph: its forward pass is run once on made-up pictures, and every call of torch is read.

Values are followed by identity. What Python decides by itself (loops, sizes, modes) is simply run; a decision on the values
of a tensor would make another network of another picture, so tracing stops there. Layers with weights are named after the
modules that hold them: `model.get_submodule(layer.name)` has `weight` and `bias`.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.networks.module import GraphModule
from gi_core.networks.trace_order import ordered
from gi_core.networks.traced_ops import KINKED
from gi_core.networks.tracer import Tracer
from gi_core.settings.graph import Dense, Graph, Shape

PICTURES = (2, 1)
"""How many made-up pictures are tried: two show whether a layer mixes them, and an exported network may be bound to one."""


@dataclass(frozen=True)
class Trace:
    """graph: layers in order of computation. last: path of the dense layer whose output is the network's, if it is one that
    the network uses once. outputs: values for each picture. kinked: whether a function's slope jumps. normalised: whether the
    network ends with log_softmax, which is no layer of the graph: cross-entropy does the same once more.
    """

    graph: Graph
    last: str | None
    outputs: int
    kinked: bool
    normalised: bool = False


def graph_of(model: nn.Module, input_shape: Shape, *, opaque: bool = False) -> Graph:
    """The layer graph of a module for pictures (C, H, W): a `GraphModule`'s own, another's traced.

    opaque: whether what is not a layer of a graph stands in it as `Opaque`, so that counting goes on past it; otherwise it
    raises SpecError, which names the operation, the module and the line. The module is left as it was.
    """
    if isinstance(model, GraphModule):
        return model.graph
    return trace(model, input_shape, opaque=opaque).graph


def trace(model: nn.Module, input_shape: Shape, *, opaque: bool = False) -> Trace:
    """The graph of a module and what else its forward pass shows; see `graph_of`. Raises SpecError."""
    network = copy.deepcopy(model).eval()
    device = next((t.device for t in (*network.parameters(), *network.buffers())), torch.device("cpu"))
    said: SpecError | None = None
    for pictures in PICTURES:
        x = torch.rand((pictures, *input_shape), generator=torch.Generator().manual_seed(0)).to(device)
        tracer = Tracer(network, input_shape)
        try:
            output = tracer.run(x)
        except SpecError as error:
            said = said or error
            continue
        return _finished(tracer, output, opaque)
    assert said is not None
    raise said


def _finished(tracer: Tracer, output: Any, opaque: bool) -> Trace:
    if not isinstance(output, Tensor):
        kind = type(output).__name__
        raise SpecError(
            f"this network returns a {kind}, and an attack needs one tensor (N, K): return the logits alone"
        )
    name, normalised = tracer.calls.closing(output)
    graph = ordered(tracer.calls.builder.graph(), name)
    stop = next((layer.name for layer in graph.layers if layer.name in tracer.calls.stops), None)
    if stop is not None and not opaque:
        raise SpecError(tracer.calls.stops[stop])
    last = next((layer for layer in graph.layers if layer.name == name), None)
    owned = last is not None and isinstance(last.op, Dense)
    outputs = output.shape[1] if output.dim() == 2 else 0
    return Trace(graph, name if owned else None, outputs, bool(tracer.called & KINKED), normalised)
