"""Networks: counts, shapes, the published draw, and that they can be differentiated twice."""

from __future__ import annotations

import pytest
import torch
from torch.func import functional_call, grad, vmap

from gi_core import networks
from gi_core.networks.attention import Attention
from gi_core.networks.losses import LOSSES, as_target
from gi_core.settings import MODELS, SpecError
from gi_core.settings import networks as M
from gi_core.settings.layer_graphs import layer_graph
from gi_core.settings.losses import chosen

SMALL = {
    "convnet": M.ConvNet(width=4), "mlp": M.Mlp(hidden=16), "vit": M.VisionTransformer(hidden=16, depth=2),
    "resnet18": M.ResNet18(stem="cifar"), "resnet56": M.ResNet56(), "resnet32": M.ResNet32(activation="gelu"),
}  # fmt: skip
DEEP = {"resnet34", "resnet50", "resnet152", "densenet121", "resnet56"}


def _count(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("settings", "shape", "count"),
    [
        (M.LeNet(), (3, 32, 32), 15_826),
        (M.LeNet(layers=4), (1, 28, 28), 17_038),
        (M.ConvNet(), (3, 32, 32), 2_904_970),
        (M.ResNet20(), (3, 32, 32), 272_474),
        (M.ResNet20(width=4), (3, 32, 32), 4_327_754),
        (M.ResNet32(), (3, 32, 32), 466_906),
        (M.ResNet56(), (3, 32, 32), 855_770),
        (M.Linear(), (1, 28, 28), 7_850),
        (M.ResNet18(stem="cifar"), (3, 32, 32), 11_173_962),
    ],
)
def test_published_parameter_counts(settings, shape, count):
    model = networks.build(settings, shape, 10)
    assert _count(model) == count
    graph = layer_graph(settings, shape, 10)
    assert graph is None or graph.parameters == count


@pytest.mark.parametrize("kind", list(MODELS))
def test_every_network_can_be_built_and_run(kind):
    settings = SMALL.get(kind) or MODELS[kind]()
    model = networks.build(settings, (3, 32, 32), 7)
    assert not model.training and all(p.dtype == torch.float32 for p in model.parameters())
    assert not any(getattr(m, "inplace", False) for m in model.modules())
    if kind not in DEEP:
        assert model(torch.rand(2, 3, 32, 32)).shape == (2, settings.outputs(7))


@pytest.mark.parametrize("kind", [k for k in MODELS if k not in DEEP])
def test_every_network_can_be_differentiated_twice_alone_and_over_trials(kind):
    settings = SMALL.get(kind) or MODELS[kind]()
    model = networks.build(settings, (3, 32, 32), 5)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    outputs, pictures = settings.outputs(5), torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    loss = LOSSES[chosen("auto", settings.one_logit)]
    target = as_target(torch.tensor([1]), outputs, pictures)

    def energy(x: torch.Tensor) -> torch.Tensor:
        gradient = grad(lambda p: loss(functional_call(model, p, (x,)), target))(parameters)
        return sum((g**2).sum() for g in gradient.values())

    batched = vmap(grad(energy))(pictures)
    x = pictures[1].clone().requires_grad_()
    gradient = torch.autograd.grad(loss(model(x), target), list(model.parameters()), create_graph=True)
    (alone,) = torch.autograd.grad(sum((g**2).sum() for g in gradient), x)
    assert alone.norm() > 0
    assert torch.allclose(batched[1], alone, rtol=1e-3, atol=1e-4 * float(alone.abs().max()))


def test_graph_shapes_are_those_of_the_module():
    for settings, shape in (
        (M.LeNet(), (1, 27, 27)),
        (M.ConvNet(width=4, depth=3), (3, 20, 20)),
        (M.ResNet20(), (3, 18, 18)),
    ):
        model, seen = networks.build(settings, shape, 4), {}
        for layer in model.graph.layers:
            module = model.get_submodule(layer.name)
            module.register_forward_hook(
                lambda _, __, y, name=layer.name, seen=seen: seen.update({name: tuple(y.shape[1:])})
            )
        model(torch.rand(1, *shape))
        assert seen == {layer.name: layer.shape for layer in model.graph.layers}
        assert model.graph.output_shape == (4,)
        names = [name.split(".")[0] for name, _ in model.named_parameters()]
        order = [layer.name for layer in model.graph.layers if layer.parameters]
        assert list(dict.fromkeys(names)) == order


def test_convnet_keeps_the_published_plan_at_depth_eight():
    convolutions = [
        la.op.channels for la in layer_graph(M.ConvNet(width=16), (3, 32, 32), 10).layers if la.kind == "conv"
    ]
    assert convolutions == [16, 32, 32, 64, 64, 64, 64, 64]
    for depth in (2, 3, 5, 16):
        graph = layer_graph(M.ConvNet(width=2, depth=depth, batch_norm=False), (1, 9, 9), 3)
        assert sum(la.kind == "conv" for la in graph.layers) == depth
        assert sum(la.kind == "max_pool" for la in graph.layers) == 2


def test_uniform_initialisation_is_the_published_draw():
    """Seed, construct, then weight and bias of each module in order from U(-1/2, 1/2)."""
    built = networks.build(M.LeNet(init="uniform", seed=1234), (3, 32, 32), 10)
    with torch.random.fork_rng():
        torch.manual_seed(1234)
        by_hand = [torch.nn.Conv2d(3 if k == 0 else 12, 12, 5, padding=2) for k in range(3)] + [
            torch.nn.Linear(768, 10)
        ]
        for module in by_hand:
            module.weight.data.uniform_(-0.5, 0.5)
            module.bias.data.uniform_(-0.5, 0.5)
    expected = [p for module in by_hand for p in module.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(built.parameters(), expected, strict=True))


@pytest.mark.parametrize("kind", ["lenet", "resnet20", "vit", "resnet18"])
@pytest.mark.parametrize("init", ["default", "uniform", "normal", "kaiming", "xavier"])
def test_equal_settings_give_equal_weights_and_leave_the_random_state_alone(kind, init):
    settings = (SMALL.get(kind) or MODELS[kind]()).model_copy(update={"init": init})
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again = (networks.build(settings, (3, 32, 32), 5) for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    other = networks.build(settings.model_copy(update={"seed": 1}), (3, 32, 32), 5)
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))
    assert torch.isfinite(first(torch.rand(1, 3, 32, 32))).all()


def test_batch_norm_by_stored_or_by_batch_statistics():
    model = networks.build(M.ConvNet(width=4), (3, 16, 16), 3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x = torch.rand(4, 3, 16, 16) * 5
    stored, batch = (networks.set_batch_norm(model, mode) for mode in ("eval", "train"))
    assert torch.equal(stored(x), model(x)) and not torch.allclose(batch(x), model(x))
    reference = networks.build(M.ConvNet(width=4), (3, 16, 16), 3).train()
    assert torch.allclose(batch(x), reference(x), atol=1e-5)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    alone = torch.stack([batch(t) for t in (x[:2], x[2:])])
    assert torch.allclose(vmap(batch)(x.view(2, 2, 3, 16, 16)), alone, atol=1e-5)


def test_attention_has_torchs_values():
    reference = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    own = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    own.load_state_dict(reference.state_dict())
    own.__class__ = Attention
    x = torch.randn(2, 5, 12)
    assert torch.allclose(own(x, x, x)[0], reference(x, x, x, need_weights=False)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "shape", "sentence"),
    [
        (M.ResNet18(), (1, 64, 64), "takes colour pictures"),
        (M.ResNet18(), (3, 28, 28), "at least 32 pixels"),
        (M.ConvNet(), (3, 8, 8), "at least 9 pixels"),
        (M.VisionTransformer(patch=5), (3, 32, 32), "does not divide"),
        (M.VisionTransformer(heads=3), (3, 32, 32), "3 heads do not divide"),
        (M.VisionTransformer(patch=1), (3, 64, 64), "4096 tokens"),
        (M.Mlp(hidden=4096), (3, 512, 512), "million parameters"),
        (M.LeNet(width=256, classes=22000), (3, 512, 512), "million parameters"),
    ],
)
def test_networks_that_do_not_fit_the_picture_are_refused(settings, shape, sentence):
    with pytest.raises(SpecError, match=sentence):
        networks.build(settings, shape, settings.classes or 10)
