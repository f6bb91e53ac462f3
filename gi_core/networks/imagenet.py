"""ImageNet weights of torchvision's networks: fetched on request, never by a run."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.common.paths import data_home
from gi_core.common.progress import Progress, silent
from gi_core.data.download import download
from gi_core.settings.networks import Model, TorchvisionResNet
from gi_core.settings.registry import MODELS
from gi_core.tensor_files.weights import load_state, read_state

CLASSES = 1000
_HOST = "https://download.pytorch.org/models/"

# torchvision's IMAGENET1K_V1 weights, which the papers use; the digits are the head of the SHA-256.
FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "resnet152": "resnet152-394f9c45.pth",
    "densenet121": "densenet121-a639ec97.pth",
    "mobilenet_v2": "mobilenet_v2-b0353104.pth",
    "inception_v3": "inception_v3_google-0cc3c7bd.pth",  # no victim: it scores trials
}
# DenseNet's file is older than the rule that module names have no dots.
_OLD_DENSE = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


def path_of(kind: str) -> Path:
    """Where the weights lie once fetched."""
    return data_home() / "weights" / FILES[kind]


def fetch_weights(kind: str, progress: Progress = silent) -> Path:
    """Download the weights of a network unless they are here. Raises SpecError."""
    file = FILES[kind]
    path = download(_HOST + file, path_of(kind), progress, sha256_prefix=file.split("-")[1].split(".")[0])
    progress(1.0, f"ImageNet weights of {MODELS[kind].title if kind in MODELS else kind} are in {path}")
    return path


def load_imagenet(model: nn.Module, settings: Model, classes: int) -> str:
    """Copy ImageNet weights into `model`; the last layer stays as drawn unless there are 1000 classes.

    Returns what was loaded, in words. Raises SpecError.
    """
    kind: str = settings.kind
    if kind not in FILES:
        raise SpecError(f"there are no ImageNet weights for {settings.title}: choose fresh or trained weights")
    if isinstance(settings, TorchvisionResNet) and settings.stem != "imagenet":
        raise SpecError("ImageNet weights belong to the ImageNet stem: set model.stem=imagenet")
    path = path_of(kind)
    if not path.is_file():
        raise SpecError(
            f"the ImageNet weights of {settings.title} are not on this machine: run python -m gi_core fetch {kind}"
        )
    state = {_new_name(key): value for key, value in read_state(path, path.name).items()}
    if classes != CLASSES:
        state.update(_head(model))
        load_state(model, state, path.name)
        return f"ImageNet's, with a fresh last layer of {classes} classes"
    load_state(model, state, path.name)
    return "ImageNet's"


def _new_name(key: str) -> str:
    match = _OLD_DENSE.match(key)
    return match[1] + match[2] if match else key


def _head(model: nn.Module) -> dict[str, Tensor]:
    """The last dense layer's own tensors."""
    name, layer = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    return {f"{name}.{key}": value for key, value in layer.state_dict().items()}
