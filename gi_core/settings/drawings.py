"""Every network of the zoo as a layer graph, torch-free: what counting reads."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.common.errors import SpecError
from gi_core.settings.graph import Graph, Shape
from gi_core.settings.layer_graphs import layer_graph
from gi_core.settings.network_base import Model
from gi_core.settings.own_network import OwnNetwork, drawn
from gi_core.settings.torchvision_graphs import torchvision_graph

MOST_CHANNELS, MOST_SIDE = 64, 1024


def drawing(settings: Model, input_shape: Shape, classes: int) -> Graph:
    """The graph of a network for pictures (C, H, W). Raises SpecError where they do not fit.

    Of a person's own network, what is no layer stands in it as `Opaque`.
    """
    if isinstance(settings, OwnNetwork):
        return drawn(settings, input_shape, opaque=True)
    return layer_graph(settings, input_shape, classes) or torchvision_graph(settings, input_shape, classes)


def check_input(shape: Sequence[int]) -> Shape:
    """A picture's shape as (C, H, W). Raises SpecError."""
    if len(shape) != 3 or not all(isinstance(n, int) and n >= 1 for n in shape):
        raise SpecError("give the picture as channels x height x width, such as 3x32x32")
    if shape[0] > MOST_CHANNELS or max(shape[1:]) > MOST_SIDE:
        size = "x".join(map(str, shape))
        raise SpecError(f"a picture has at most {MOST_CHANNELS} channels and sides of {MOST_SIDE}, not {size}")
    return tuple(shape)
