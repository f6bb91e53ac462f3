"""An experiment's network with its weights: fresh, from a file, trained here, ImageNet's, or of a recorded round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from gi_core.clients.serving import in_front
from gi_core.common.errors import SpecError
from gi_core.common.progress import Progress, silent
from gi_core.defenses import wrapped
from gi_core.networks import library_weights
from gi_core.networks.batch_norm import set_batch_norm
from gi_core.networks.building import build
from gi_core.networks.imagenet import load_imagenet
from gi_core.networks.trace_words import first_line
from gi_core.networks.trained import trained
from gi_core.settings.client import FromFile, Pretrained, Trained
from gi_core.settings.library_network import LibraryNetwork
from gi_core.settings.own_network import OwnNetwork
from gi_core.tensor_files.held import is_held
from gi_core.tensor_files.reading import path_of
from gi_core.tensor_files.transformers import state_for
from gi_core.tensor_files.weights import load_checkpoint, load_state, read_state
from gi_core.types.result_parts import Network

if TYPE_CHECKING:
    from gi_core.data import Pictures
    from gi_core.settings import Experiment


def prepare(experiment: Experiment, pictures: Pictures, progress: Progress = silent) -> tuple[nn.Module, Network]:
    """The network in eval mode on the CPU, with what the experiment's defenses build into it, and what is known of it.

    progress(fraction, text) is called while training; its exception ends the training. Raises SpecError with one sentence.
    """
    settings, weights = experiment.model, experiment.weights
    channels, height, width = pictures.images.shape[1:]
    classes = settings.classes or pictures.classes
    highest = int(pictures.labels.max())
    if highest >= classes:
        raise SpecError(f"label {highest} is out of range: the network has {classes} classes, counted from 0")
    plain = build(settings, (channels, height, width), classes)
    model = whole = wrapped(plain, experiment.defenses, experiment.seed)
    info: Network = {"weights": "fresh", "notices": []}
    if isinstance(settings, OwnNetwork):
        _check_batch(plain, pictures)
    if isinstance(settings, OwnNetwork) and settings.runs_code:
        info["weights"] = "the network's own" if settings.init == "default" else "redrawn"
    if experiment.recorded is not None:
        held = is_held(experiment.recorded.checkpoint)  # a program's own network, before the server changed it
        model = whole = whole if held else in_front(experiment.server, whole, pictures)
        info["naming"] = load_checkpoint(model, experiment.recorded.checkpoint)
        model = whole = in_front(experiment.server, model, pictures)
        info["weights"] = "of the recorded round"
    elif isinstance(weights, FromFile):
        path, _ = path_of(weights.path)
        state, scheme, said = state_for(plain, read_state(path, path.name), path.name)
        model = whole if state.keys() >= dict(whole.named_parameters()).keys() else plain
        load_state(model, state, path.name)
        info["weights"] = f"from {path.name}" + (f", {scheme}" if scheme else "")
        info["notices"] += said
    elif isinstance(weights, Pretrained):
        model = plain
        if isinstance(settings, LibraryNetwork):
            info["weights"], expected = library_weights.load(model, settings.source)
        else:
            info["weights"], expected = load_imagenet(model, settings, classes), ""
        if expected:
            if experiment.normalise != expected:
                info["notices"].append(f"these weights expect the normalisation {expected}: set normalise={expected}")
        elif experiment.normalise not in ("auto", "imagenet"):
            info["notices"].append("ImageNet weights expect ImageNet's normalisation: set normalise=imagenet")
    elif isinstance(weights, Trained):
        info.update(trained(experiment, pictures, model, classes, progress))
    if model is not whole:
        model = wrapped(model, experiment.defenses, experiment.seed)
        info["notices"].append(
            "what a defense built into this network is fresh, so its answers are no longer trained ones"
        )
    info["parameters"] = sum(p.numel() for p in model.parameters())
    model.eval()
    if experiment.client.batch_norm == "train":
        _check_statistics(model, pictures)
    return model, info


def _check_batch(model: nn.Module, pictures: Pictures) -> None:
    """A network from a file of torch.export may be bound to the number of pictures that it was exported with."""
    try:
        with torch.no_grad():
            model(torch.zeros(pictures.images.shape))
    except Exception as error:
        raise SpecError(
            f"this network does not take {len(pictures.images)} pictures at once ({first_line(error)}): give fewer, or export"
            " it with dynamic_shapes for its first dimension"
        ) from None


def _check_statistics(model: nn.Module, pictures: Pictures) -> None:
    """Batch statistics need two values per channel: one picture at 1x1 has none."""
    try:
        with torch.no_grad():
            set_batch_norm(model, "train")(torch.from_numpy(pictures.images))
    except ValueError:
        raise SpecError(
            "batch norm has no statistics of its own here, one picture shrinks to one value per channel:"
            " choose client.batch_norm=eval, more pictures or a larger size"
        ) from None
