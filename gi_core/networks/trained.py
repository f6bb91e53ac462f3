"""Weights trained here: from the cache under GI_HOME/weights, or trained now and cached."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from torch import nn

from gi_core.common.errors import SpecError
from gi_core.common.paths import home, user_path
from gi_core.common.progress import Progress
from gi_core.data import Pictures, training_set
from gi_core.networks.training import train
from gi_core.settings import Experiment
from gi_core.settings.base import identity
from gi_core.settings.client import Trained
from gi_core.tensor_files.weights import load_state, read_state, write_state
from gi_core.types.result_parts import Network

_RECIPE = 1  # raise it when training or the crops change, so that older weights are not taken for new


def trained(experiment: Experiment, pictures: Pictures, model: nn.Module, classes: int, progress: Progress) -> Network:
    """Give `model` its trained weights, and say what is known of them.

    Raises SpecError: no such data, labels beyond the network's classes, training diverged, disk full.
    """
    weights = experiment.weights
    assert isinstance(weights, Trained)
    path = home() / "weights" / f"{_key(experiment, weights, pictures, classes)}.safetensors"
    known = _cached(model, path)
    if known is not None:
        return known
    progress(0.0, "reading the training pictures")
    data = training_set(weights.data, experiment)
    accuracy = train(model, data, weights, pictures.mean, pictures.std, progress, _device(experiment.device))
    if not all(torch.isfinite(p).all() for p in model.state_dict().values()):
        raise SpecError(f"training diverged at learning rate {weights.learning_rate:g}: lower weights.learning_rate")
    words = f"trained here for {weights.epochs} epochs on {weights.data or pictures.source}"
    info: Network = {"weights": words, "accuracy": accuracy, "training_pictures": len(data[1])}
    write_state(model, path, dict(info))
    return info


def _device(asked: str) -> str:
    return "cuda" if asked in ("auto", "cuda") and torch.cuda.is_available() else "cpu"


def _cached(model: nn.Module, path: Path) -> Network | None:
    if not path.is_file():
        return None
    try:
        info: Network = json.loads(path.with_suffix(".json").read_text())
        load_state(model, read_state(path, path.name), path.name)
    except (OSError, ValueError):  # SpecError is a ValueError: a torn file is no answer, so train again
        return None
    return info


def _key(experiment: Experiment, weights: Trained, pictures: Pictures, classes: int) -> str:
    """What decides the weights: network, recipe, data (with its file's age), shape, normalisation."""
    data = weights.data or pictures.source
    parts = [
        _RECIPE, identity(experiment.model), identity(weights), classes, data, _stamp(data),
        list(pictures.images.shape[1:]), [float(v) for v in (*pictures.mean, *pictures.std)],
    ]  # fmt: skip
    built_in = [identity(d) for d in experiment.defenses if d.hook == "wrap_model"]
    if built_in:
        parts += [built_in, experiment.seed]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def _stamp(data: str) -> list[list[float]]:
    """Size and age of a data file, or of a folder and its sub-folders: another content trains anew."""
    if ":" not in data:
        return []
    root = user_path(data.split(":", 1)[1])
    try:
        parts = [root, *(sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else ())]
        return [[p.stat().st_size, p.stat().st_mtime] for p in parts]
    except OSError:
        return []  # training_set says what is wrong with it
