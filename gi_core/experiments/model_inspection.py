"""A model file as a client receives it, checked before any training: command line, `gi.inspect_model` and the client's audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_core.analysis.model_check import check
from gi_core.common.memory_limit import memory_limit
from gi_core.networks.building import build
from gi_core.networks.imprint import as_received
from gi_core.settings import Experiment, sizes
from gi_core.settings.graph import Shape
from gi_core.settings.network_base import Model
from gi_core.tensor_files.reading import path_of
from gi_core.tensor_files.weights import load_checkpoint, read_state, shapes
from gi_core.types.model_check import ModelCheck

USUAL, CLASSES = 32, 10
"""Side of the pictures, and classes, where nobody says others."""


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
    path, name = path_of(file)
    received = as_received(network, shapes(read_state(path, name)))
    load_checkpoint(received, file)
    return check(received, earlier)


def answer(spec: Mapping[str, Any]) -> ModelCheck:
    """What is noticed of a file that a person received. spec: {received, model, size, channels}. Raises SpecError."""
    asked = Experiment.model_validate({name: spec[name] for name in ("model", "size", "channels") if name in spec})
    model, side = asked.model, sizes.sides(asked.size) or (asked.model.side_for(USUAL),) * 2
    with memory_limit():
        return inspected(
            model, (asked.channels or model.channels_only or 3, *side), model.classes or CLASSES, spec["received"]
        )
