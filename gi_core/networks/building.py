"""Settings to a fresh network."""

from __future__ import annotations

from torch import nn

from gi_core.networks.init import kaiming_fan_out, redraw, seeded
from gi_core.networks.module import GraphModule
from gi_core.settings.layer_graphs import layer_graph
from gi_core.settings.networks import CifarResNet, Model
from gi_core.settings.own_network import OwnNetwork


def build(settings: Model, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """A fresh network for pictures (C, H, W) and `classes` logits, in eval mode, float32, on the CPU.

    Equal arguments give equal weights; the caller's random state is untouched. Raises SpecError
    where network and picture do not fit.
    """
    if isinstance(settings, OwnNetwork):
        from gi_core.networks.own import build_own

        return build_own(settings, input_shape, classes)
    graph = layer_graph(settings, input_shape, classes)
    with seeded(settings.seed):
        if graph is None:
            from gi_core.networks.torchvision_nets import construct

            model = construct(settings, input_shape, classes)
        else:
            model = GraphModule(graph)
            if isinstance(settings, CifarResNet) and settings.init == "default":
                kaiming_fan_out(model)
        redraw(model, settings.init)
    return model.eval()
