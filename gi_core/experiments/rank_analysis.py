"""Rank analysis of a network's real weights: what a worker's `rank` job and the command line share."""

from __future__ import annotations

from typing import Any

from torch import nn

from gi_core import networks
from gi_core.analysis.rank import RankReport, attention_numeric, count
from gi_core.analysis.rank.frozen import with_frozen
from gi_core.analysis.rank.numeric import numeric
from gi_core.common.memory_limit import memory_limit
from gi_core.networks.imagenet import load_imagenet
from gi_core.settings import SpecError, build
from gi_core.settings.client import Fresh, FromFile, Pretrained, Trained
from gi_core.settings.drawings import check_input, drawing
from gi_core.settings.graph import Opaque, Shape
from gi_core.settings.network_base import Model
from gi_core.tensor_files.reading import path_of
from gi_core.tensor_files.transformers import state_for
from gi_core.tensor_files.weights import load_state, read_state


def measured(
    settings: Model, shape: Shape, classes: int, weights: Fresh | FromFile | Pretrained | None = None, seed: int = 0
) -> RankReport:
    """Build the network for pictures (C, H, W) and measure the ranks of its layers. Raises SpecError."""
    with memory_limit():
        channels, height, width = shape
        model = networks.build(settings, (channels, height, width), classes)
        if isinstance(weights, FromFile):
            path, _ = path_of(weights.path)
            load_state(model, state_for(model, read_state(path, path.name), path.name)[0], path.name)
        elif isinstance(weights, Pretrained):
            load_imagenet(model, settings, settings.outputs(classes))
        return of_module(settings, model, shape, classes, True, seed)


def of_module(
    settings: Model, model: nn.Module, shape: Shape, classes: int, measure: bool, seed: int = 0, name: str = ""
) -> RankReport:
    """Rank analysis of a network that was built, by measurement or by formula; vision transformers are known by what they do,
    whatever they are called. Raises SpecError.
    """
    graph, name = drawing(settings, shape, classes), name or settings.name
    opaque = any(isinstance(layer.op, Opaque) for layer in graph.layers)
    found = attention_numeric.shape_in(model, shape) if opaque else None
    if found is not None:
        report = attention_numeric.as_transformer(count(graph, name), *found)
        report = attention_numeric.numeric(report, model, *found, shape, seed) if measure else report
    else:
        report = numeric(graph, model, seed, name) if measure else count(graph, name)
    return with_frozen(report, settings)


def answer(spec: dict[str, Any]) -> dict[str, Any]:
    """The job: spec {model, input [C, H, W], classes, weights (optional)} to a report as JSON. Raises SpecError."""
    asked = build({key: spec[key] for key in ("model", "weights") if spec.get(key) is not None})
    shape = check_input(spec.get("input") or ())
    classes = spec.get("classes") or 10
    if not isinstance(classes, int) or classes < 1:
        raise SpecError(f"classes is a whole number of 1 or more, not {str(classes)[:40]!r}")
    if isinstance(asked.weights, Trained):
        raise SpecError("rank analysis measures fresh weights or those of a file: train them in a run first")
    return measured(asked.model, shape, classes, asked.weights).to_json()
