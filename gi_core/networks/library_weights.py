"""Weights of torchvision's and timm's networks as their authors publish them: fetched on request, never by a run."""

from __future__ import annotations

import re
from pathlib import Path

from torch import nn

from gi_core.common.errors import SpecError
from gi_core.common.paths import data_home
from gi_core.common.progress import Progress, silent
from gi_core.common.vision import import_torchvision
from gi_core.data.download import download
from gi_core.networks.library import checked, timm
from gi_core.tensor_files.transformers import state_for
from gi_core.tensor_files.weights import load_state, read_state

_HUB = "https://huggingface.co/"
_HASH = re.compile(r"-([0-9a-f]{8,})\.pth$")
_AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def address(source: str) -> str:
    """Where the published weights lie. Raises SpecError: no such network, no published weights."""
    checked(source)
    library, _, name = source.partition(":")
    if library == "torchvision":
        return str(import_torchvision().models.get_model_weights(name).DEFAULT.url)
    published = timm().models.get_pretrained_cfg(name)
    if published is not None and published.hf_hub_id:
        return f"{_HUB}{published.hf_hub_id}/resolve/main/{published.hf_hub_filename or 'model.safetensors'}"
    if published is not None and published.url:
        return str(published.url)
    raise SpecError(f"timm publishes no weights for {name}: choose fresh weights, or give a file")


def path_of(source: str) -> Path:
    """Where they lie on this machine once fetched."""
    end = Path(address(source)).suffix
    return data_home() / "weights" / f"{source.replace(':', '-')}{end}"


def fetch(source: str, progress: Progress = silent) -> Path:
    """Download them unless they are here; checked against the hash in their name where there is one. Raises SpecError."""
    url, path = address(source), path_of(source)
    found = _HASH.search(url)
    download(url, path, progress, sha256_prefix=found[1] if found else "")
    progress(1.0, f"weights of {source} are in {path}")
    return path


def load(model: nn.Module, source: str) -> tuple[str, str]:
    """Copy them into `model`. The last layer stays as drawn where its classes are others.

    Returns what was loaded, in words, and the normalisation that they expect where it is not ImageNet's, else "". Raises
    SpecError.
    """
    path = path_of(source)
    if not path.is_file():
        raise SpecError(f"the weights of {source} are not on this machine: run python -m gi_core fetch {source}")
    own = model.state_dict()
    state, _, _ = state_for(model, read_state(path, path.name), path.name)
    state = {k: v for k, v in state.items() if not k.startswith(_AUXILIARY)}
    head = [k for k, v in state.items() if k in own and own[k].shape != v.shape]
    layers = {k.rpartition(".")[0] for k in head}
    if len(layers) == 1:
        state |= {k: own[k] for k in head}
    load_state(model, state, path.name)
    words = "published ones" + (f", with a fresh last layer {layers.pop()}" if len(layers) == 1 else "")
    return words, _normalisation(source)


def _normalisation(source: str) -> str:
    library, _, name = source.partition(":")
    if library == "torchvision":
        return ""
    published = timm().models.get_pretrained_cfg(name)
    if published is None or (tuple(published.mean), tuple(published.std)) == IMAGENET:
        return ""
    return "/".join(",".join(f"{v:g}" for v in values) for values in (published.mean, published.std))
