"""A model file as a client receives it, checked before any training: command line, `gi.inspect_model` and the client's audit."""

from __future__ import annotations

from gi_core.analysis.model_check import check
from gi_core.networks.building import build
from gi_core.settings.graph import Shape
from gi_core.settings.network_base import Model
from gi_core.tensor_files.weights import load_checkpoint
from gi_core.types.model_check import ModelCheck


def inspected(model: Model, shape: Shape, classes: int, file: str, before: str | None = None) -> ModelCheck:
    """What is noticed of the network of a file. before: the file of the round before, where the client kept it.

    shape (C, H, W): of the pictures. Raises SpecError where a file is not of this network.
    """
    channels, height, width = shape
    network = build(model, (channels, height, width), classes)
    earlier = None
    if before is not None:
        load_checkpoint(network, before)
        earlier = {name: p.detach().clone() for name, p in network.named_parameters()}
    load_checkpoint(network, file)
    return check(network, earlier)
