"""Rank analysis of a network's real weights: what a worker's `rank` job and the command line share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from gi_core import networks
from gi_core.analysis import exposure
from gi_core.analysis.rank import RankReport, attention_numeric, count
from gi_core.analysis.rank.frozen import with_frozen
from gi_core.analysis.rank.numeric import numeric
from gi_core.common.memory_limit import memory_limit
from gi_core.common.progress import Progress, silent
from gi_core.networks.imagenet import load_imagenet
from gi_core.settings import SpecError, build
from gi_core.settings.client import Fresh, FromFile, Pretrained, Trained
from gi_core.settings.drawings import check_input, drawing
from gi_core.settings.graph import Opaque, Shape
from gi_core.settings.losses import chosen
from gi_core.settings.network_base import Model
from gi_core.tensor_files.reading import path_of
from gi_core.tensor_files.transformers import state_for
from gi_core.tensor_files.weights import load_state, read_state
from gi_core.types.exposure import Exposure
from gi_core.types.updates import Knowledge

MOST_ROUNDS = 64
"""Rounds that can be asked for."""
RATE = 0.1
"""Step of the network from round to round where nobody says otherwise."""


def measured(
    settings: Model, shape: Shape, classes: int, weights: Fresh | FromFile | Pretrained | None = None, seed: int = 0
) -> RankReport:
    """Build the network for pictures (C, H, W) and measure the ranks of its layers. Raises SpecError."""
    return of_module(settings, built(settings, shape, classes, weights), shape, classes, True, seed)


def built(
    settings: Model, shape: Shape, classes: int, weights: Fresh | FromFile | Pretrained | None = None
) -> nn.Module:
    """The network for pictures (C, H, W) with these weights. Raises SpecError."""
    with memory_limit():
        channels, height, width = shape
        model = networks.build(settings, (channels, height, width), classes)
        if isinstance(weights, FromFile):
            path, _ = path_of(weights.path)
            load_state(model, state_for(model, read_state(path, path.name), path.name)[0], path.name)
        elif isinstance(weights, Pretrained):
            load_imagenet(model, settings, settings.outputs(classes))
        return model


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


def exposed(
    settings: Model, model: nn.Module, shape: Shape, classes: int, rounds: int, rate: float = RATE, seed: int = 0,
    progress: Progress = silent,
) -> Exposure:  # fmt: skip
    """What up to so many rounds on one picture drawn from U(0, 1) show together, of class 0, each a step of `rate` down its
    gradient, sent in single precision. Raises SpecError.
    """
    if not 1 <= rounds <= MOST_ROUNDS:
        raise SpecError(f"rounds is a whole number from 1 to {MOST_ROUNDS}, not {rounds}")
    if not 0 <= rate <= 1000:
        raise SpecError(f"the step size of the rounds is from 0 to 1000, not {rate:g}")
    channels, height, width = shape
    draw = torch.Generator().manual_seed(seed)
    picture = torch.rand(1, channels, height, width, generator=draw, dtype=torch.float64)
    outputs = settings.outputs(classes)
    knowledge = Knowledge(
        model,
        (channels, height, width),
        outputs,
        (0.0,) * channels,
        (1.0,) * channels,
        loss=chosen("auto", outputs == 1),
    )
    return exposure.until_exposed(
        knowledge, picture, torch.zeros(1, dtype=torch.int64), rounds, rate, progress=progress
    )


def with_rounds(
    report: RankReport, settings: Model, shape: Shape, classes: int, rounds: int, rate: float = RATE
) -> RankReport:
    """`report` with what so many rounds show together, of fresh weights. Raises SpecError."""
    return replace(report, rounds=exposed(settings, built(settings, shape, classes), shape, classes, rounds, rate))


def answer(spec: dict[str, Any], progress: Progress = silent) -> dict[str, Any]:
    """The job: spec {model, input [C, H, W], classes, weights (optional)} to a report as JSON; with {rounds, rate} to
    {rounds} alone, what several updates show together. Raises SpecError.
    """
    asked = build({key: spec[key] for key in ("model", "weights") if spec.get(key) is not None})
    shape = check_input(spec.get("input") or ())
    classes = spec.get("classes") or 10
    if not isinstance(classes, int) or classes < 1:
        raise SpecError(f"classes is a whole number of 1 or more, not {str(classes)[:40]!r}")
    if isinstance(asked.weights, Trained):
        raise SpecError("rank analysis measures fresh weights or those of a file: train them in a run first")
    if spec.get("rounds"):
        model, rate = built(asked.model, shape, classes, asked.weights), float(spec.get("rate", RATE))
        return {"rounds": exposed(asked.model, model, shape, classes, int(spec["rounds"]), rate, progress=progress)}
    return measured(asked.model, shape, classes, asked.weights).to_json()
