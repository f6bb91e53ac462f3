"""The network behind an update, guessed from names and shapes: right where they tell it, silent where they do not."""

from __future__ import annotations

import pytest
import torch

from gi_core import networks
from gi_core.settings import networks as M
from gi_core.tensor_files.weights import shapes
from gi_core.update_files.guessing import guess
from tests.update_files.recorded import renamed

torch.set_num_threads(1)
KNOWN = [
    (M.ConvNet(width=8, depth=2, classes=5), (3, 32, 32)),
    (M.ConvNet(width=4, depth=8, batch_norm=False, classes=3), (1, 28, 28)),
    (M.LeNet(classes=4), (3, 32, 32)),
    (M.LeNet(layers=4, width=6, classes=2), (1, 28, 28)),
    (M.ResNet18(classes=2), (3, 224, 224)),
    (M.ResNet18(stem="cifar", classes=10), (3, 32, 32)),
    (M.ResNet34(classes=3), (3, 224, 224)),
    (M.ResNet50(classes=3), (3, 224, 224)),
    (M.ResNet20(width=2, classes=7), (3, 32, 32)),
    (M.Mlp(hidden=20, depth=3, classes=5), (1, 28, 28)),
    (M.Linear(classes=5), (3, 16, 16)),
]


@pytest.mark.parametrize(("settings", "shape"), KNOWN, ids=lambda v: getattr(v, "name", None))
@pytest.mark.parametrize("scheme", ["bare", "model", "module"])
def test_what_shapes_tell_is_read(settings, shape, scheme):
    state = shapes(
        networks.build(settings, (shape[0], 64, 64) if shape[1] == 224 else shape, settings.classes).state_dict()
    )
    found = guess(renamed(state, scheme))
    assert type(settings)(**found["model"]) == settings
    assert (found["channels"], found["size"], found["size"]) == shape


def test_monai_names_are_seen_through():
    state = shapes(networks.build(M.ResNet18(), (3, 64, 64), 2).state_dict())
    assert guess(renamed(state, "monai"))["model"] == {"kind": "resnet18", "stem": "imagenet", "classes": 2}


@pytest.mark.parametrize(
    "given", [{}, {"a": (3, 3)}, {"conv0.weight": (4, 3, 3, 3)}, {"conv1.weight": (4, 3, 5, 5), "fc.weight": (2, 7)}]
)
def test_what_is_unknown_is_not_guessed(given):
    assert guess(given) is None


def test_an_odd_layer_leaves_the_size_open():
    found = guess({"conv0.weight": (4, 3, 3, 3), "conv1.weight": (8, 4, 3, 3), "fc.weight": (2, 24)})
    assert found["model"]["kind"] == "convnet" and found["size"] is None
