"""Drawn networks against the modules that are built: shapes, order and numbers of parameters."""

from __future__ import annotations

import pytest
import torch

from gi_core import networks
from gi_core.settings import MODELS, SpecError
from gi_core.settings import networks as M
from gi_core.settings.drawings import drawing

VIT = M.VisionTransformer(hidden=16, depth=2)
CASES = {
    **{kind: (cls(), (3, 32, 32)) for kind, cls in MODELS.items() if kind != "vit"},
    "vit": (VIT, (3, 16, 16)),
    "resnet18 cifar": (M.ResNet18(stem="cifar"), (3, 32, 32)),
    "resnet50 cifar": (M.ResNet50(stem="cifar"), (3, 33, 38)),
    "resnet34 64": (M.ResNet34(), (3, 64, 70)),
    "mobilenet_v2 odd": (M.MobileNetV2(), (3, 45, 51)),
    "densenet121 odd": (M.DenseNet121(), (3, 45, 51)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_drawing_has_the_shapes_and_parameters_of_the_module(case):
    settings, shape = CASES[case]
    graph, model, seen = drawing(settings, shape, 7), networks.build(settings, shape, 7), {}
    drawn = {layer.name: layer for layer in graph.layers}
    modules = {name: module for name, module in model.named_modules() if name in drawn}
    for name, module in modules.items():
        module.register_forward_hook(lambda _, __, y, name=name: seen.update({name: tuple(y.shape[1:])}))
    with torch.no_grad():
        logits = model(torch.rand(2, *shape))
    assert graph.output_shape == tuple(logits.shape[1:])
    assert set(seen) == set(modules)
    assert {name: _squeezed(size) for name, size in seen.items()} == {n: _squeezed(drawn[n].shape) for n in seen}
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in modules.items()}
    own = {name: layer.parameters for name, layer in drawn.items() if layer.parameters and name in modules}
    assert own == {name: counts[name] for name in own}
    assert graph.parameters == sum(p.numel() for p in model.parameters())


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """torch's adaptive pooling gives (C, 1, 1) where the drawing gives (C,)."""
    return shape[:1] if shape[1:] == (1, 1) else shape


@pytest.mark.parametrize(
    ("settings", "shape", "sentence"),
    [
        (M.ResNet18(), (1, 64, 64), "takes colour pictures"),
        (M.DenseNet121(), (3, 28, 28), "at least 32 pixels"),
        (M.VisionTransformer(patch=5), (3, 32, 32), "does not divide"),
        (M.VisionTransformer(), (3, 32, 48), "square pictures"),
        (M.ConvNet(), (3, 8, 8), "at least 9 pixels"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(settings, shape, sentence):
    with pytest.raises(SpecError, match=sentence):
        drawing(settings, shape, 10)
