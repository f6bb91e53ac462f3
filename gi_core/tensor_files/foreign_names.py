"""How other libraries name a ResNet's tensors, as torchvision names them: MONAI's and Hugging Face's."""

from __future__ import annotations

import re
from collections.abc import Callable

_MONAI = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
_BLOCK = r"encoder\.stages\.(\d+)\.layers\.(\d+)\."
_HUGGING_FACE: list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = [
    (re.compile(r"embedder\.embedder\.convolution\.(\w+)"), lambda m: f"conv1.{m[1]}"),
    (re.compile(r"embedder\.embedder\.normalization\.(\w+)"), lambda m: f"bn1.{m[1]}"),
    (
        re.compile(_BLOCK + r"layer\.(\d+)\.convolution\.(\w+)"),
        lambda m: f"layer{int(m[1]) + 1}.{m[2]}.conv{int(m[3]) + 1}.{m[4]}",
    ),
    (
        re.compile(_BLOCK + r"layer\.(\d+)\.normalization\.(\w+)"),
        lambda m: f"layer{int(m[1]) + 1}.{m[2]}.bn{int(m[3]) + 1}.{m[4]}",
    ),
    (
        re.compile(_BLOCK + r"shortcut\.(convolution|normalization)\.(\w+)"),
        lambda m: f"layer{int(m[1]) + 1}.{m[2]}.downsample.{int(m[3] == 'normalization')}.{m[4]}",
    ),
    (re.compile(r"classifier\.1\.(\w+)"), lambda m: f"fc.{m[1]}"),
]


def monai(name: str) -> str:
    """A name of MONAI's TorchVisionFCModel; any other as it is."""
    found = re.fullmatch(r"features\.(\d+)\.(.+)", name)
    return f"{_MONAI[found[1]]}.{found[2]}" if found and found[1] in _MONAI else name


def hugging_face(name: str) -> str:
    """A name of transformers' ResNetForImageClassification; any other as it is."""
    name = name.removeprefix("resnet.")
    for pattern, ours in _HUGGING_FACE:
        found = pattern.fullmatch(name)
        if found:
            return ours(found)
    return name


SCHEMES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("MONAI's names (features.0)", monai),
    ("Hugging Face's names", hugging_face),
)
