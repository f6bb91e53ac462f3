"""Every network of the zoo as a layer graph, torch-free: what counting reads."""

from __future__ import annotations

from gi_core.spec.graph import Graph, Shape
from gi_core.spec.models import Model
from gi_core.spec.networks import layer_graph
from gi_core.spec.torchvision_graphs import torchvision_graph


def drawing(settings: Model, input_shape: Shape, classes: int) -> Graph:
    """The graph of a network for pictures (C, H, W). Raises SpecError where they do not fit."""
    return layer_graph(settings, input_shape, classes) or torchvision_graph(settings, input_shape, classes)
