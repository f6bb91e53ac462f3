"""An experiment's network with its weights: fresh, from a file, trained here, or ImageNet's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from gi_core.models.build import build
from gi_core.models.files import load_state, read_state, resolve_path, write_state
from gi_core.models.imagenet import load_imagenet
from gi_core.models.training import train
from gi_core.paths import home
from gi_core.spec.base import SpecError

if TYPE_CHECKING:
    from gi_core.data import Pictures
    from gi_core.spec import Experiment

Progress = Callable[[float, str], None]


def _silent(fraction: float, text: str) -> None:
    return None


def prepare(experiment: Experiment, pictures: Pictures, progress: Progress = _silent) -> tuple[nn.Module, dict[str, Any]]:
    """The network in eval mode on the CPU, and what is known of it.

    info: parameters (count), weights (in words), accuracy (of weights trained here, in [0, 1]).
    progress(fraction, text) is called while training; its exception ends the training. Raises SpecError.
    """
    channels, height, width = pictures.images.shape[1:]
    settings, weights = experiment.model, experiment.weights
    if settings.channels_only is not None and channels != settings.channels_only:
        raise SpecError(
            f"{settings.title} takes colour pictures and this one is grey: set channels={settings.channels_only} to convert it"
        )
    classes = settings.classes or pictures.classes
    if int(pictures.labels.max()) >= classes:
        raise SpecError(f"label {int(pictures.labels.max())} is out of range: the network has {classes} classes, counted from 0")
    model = build(settings, (channels, height, width), classes)
    info: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters()), "weights": "fresh"}
    if weights.kind == "file":
        path = resolve_path(weights.path)
        load_state(model, read_state(path, path.name), path.name)
        info["weights"] = f"from {path.name}"
    elif weights.kind == "imagenet":
        info["weights"] = load_imagenet(model, settings, classes)
    elif weights.kind == "trained":
        info.update(_trained(experiment, pictures, model, classes, progress))
    return model.eval(), info


def _trained(experiment: Experiment, pictures: Pictures, model: nn.Module, classes: int, progress: Progress) -> dict[str, Any]:
    """Weights from the cache, or trained now and cached with the accuracy reached."""
    from gi_core.data import training_set

    weights = experiment.weights
    path = home() / "weights" / f"{_key(experiment, pictures, classes)}.safetensors"
    known = _read_info(path)
    if known is not None:
        load_state(model, read_state(path, path.name), path.name)
        return known
    progress(0.0, "reading the training pictures")
    data = training_set(weights.data, experiment)
    top = int(max(data[1].max(), data[3].max()))
    if top >= classes:
        raise SpecError(f"the training data has labels up to {top} and the network {classes} classes: set model.classes={top + 1}")
    if data[0].shape[1:] != pictures.images.shape[1:]:
        want, got = ("x".join(map(str, s)) for s in (pictures.images.shape[1:], data[0].shape[1:]))
        raise SpecError(f"the training pictures are {got} and the private one is {want}: set size and channels to fit")
    accuracy = train(model, data, weights, pictures.mean, pictures.std, progress)
    words = f"trained here for {weights.epochs} epochs on {weights.data or pictures.source}"
    info = {"weights": words, "accuracy": accuracy, "training_pictures": len(data[1])}
    write_state(model, path, info)
    return info


def _read_info(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.with_suffix(".json").read_text()) if path.is_file() else None
    except (OSError, ValueError):
        return None  # a torn file: train again


def _key(experiment: Experiment, pictures: Pictures, classes: int) -> str:
    """What decides the trained weights: network, recipe, data (with its file's age), shape, normalisation."""
    weights = experiment.weights
    parts = [
        experiment.model.model_dump(mode="json"), weights.model_dump(mode="json"), classes, list(pictures.images.shape[1:]),
        [float(v) for v in (*pictures.mean, *pictures.std)], None if weights.data else pictures.source, _stamp(weights.data),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def _stamp(data: str | None) -> list[float] | None:
    """Size and age of a data file, so that another file under the same name is not taken for it."""
    if data is None or ":" not in data:
        return None
    try:
        about = Path(data.split(":", 1)[1]).expanduser().stat()
    except OSError:
        return None  # training_set says what is wrong with it
    return [about.st_size, about.st_mtime]
