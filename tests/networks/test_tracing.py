"""Any module as a layer graph: many styles of writing, and where tracing stops."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gi_core.analysis.rank import count
from gi_core.common.errors import SpecError
from gi_core.common.vision import import_torchvision
from gi_core.networks.building import build
from gi_core.networks.module import layer_module
from gi_core.networks.tracing import graph_of, trace
from gi_core.settings import MODELS
from gi_core.settings.drawings import drawing
from gi_core.settings.graph import INPUT, Act, Add, BatchNorm, Concat, Conv, Dense, Graph, GroupNorm
from tests.own_modules import CLASSES, SHAPE, STYLES, FunctionalLeNet, Residual


def computed(graph: Graph, model: nn.Module, x: Tensor) -> Tensor:
    """The output of the graph on x, with the modules that its layers are named after for their weights."""
    values = {INPUT: x}
    for layer in graph.layers:
        given = [values[name] for name in layer.inputs]
        if isinstance(layer.op, Concat):
            values[layer.name] = torch.cat(given, 1)
        elif layer.op.parameters:
            values[layer.name] = model.get_submodule(layer.name)(*given)
        else:
            relu6 = isinstance(layer.op, Act) and layer.op.kind == "relu6"
            values[layer.name] = (nn.ReLU6() if relu6 else layer_module(layer.op))(*given)
        assert tuple(values[layer.name].shape[1:]) == layer.shape
    return values[graph.layers[-1].name]


@pytest.mark.parametrize("style", STYLES)
def test_the_graph_computes_what_the_module_does(style):
    """Layer by layer, with the module's own weights found by the layers' names, it gives the same outputs."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = STYLES[style]().eval()
    found = trace(model, SHAPE)
    x = torch.rand(3, *SHAPE)
    expected = model(x.clone())
    logits = computed(found.graph, model, x)
    torch.testing.assert_close(F.log_softmax(logits, 1) if found.normalised else logits, expected)
    assert found.graph.parameters == sum(p.numel() for p in model.parameters())
    assert found.normalised == (style == "log_softmax") and found.outputs == CLASSES


@pytest.mark.parametrize("style", STYLES)
def test_tracing_changes_nothing(style):
    """Neither mode nor weights, buffers, gradients, hooks or the random state."""
    model = STYLES[style]().train()
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    trace(model, SHAPE)
    assert torch.equal(torch.get_rng_state(), state) and all(m.training for m in model.modules())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_layers_are_named_after_the_modules_and_come_in_order():
    names = [layer.name for layer in graph_of(FunctionalLeNet(), SHAPE).layers]
    assert names == ["conv1", "relu", "conv2", "relu_2", "flatten", "fc1", "relu_3", "fc2"]
    assert trace(FunctionalLeNet(), SHAPE).last == "fc2"


def test_a_shortcut_that_is_written_first_is_a_residual_block():
    from gi_core.settings.chain import Residual as Block
    from gi_core.settings.chain import chain

    blocks = chain(graph_of(Residual(), SHAPE))
    assert [type(b) for b in blocks[1:3]] == [Block, Block]
    assert blocks[2].skip.name == "blocks.1.shortcut.0" and blocks[1].skip is None


@pytest.mark.parametrize("kind", [k for k in MODELS if k not in ("vit", "resnet152", "resnet56")])
def test_the_trace_of_every_network_of_the_zoo_counts_as_its_drawing(kind):
    shape = (1, 28, 28) if kind == "fcn3" else (3, 32, 32)
    drawn = drawing(MODELS[kind](), shape, 10)
    traced = trace(build(MODELS[kind](), shape, 10), shape).graph
    assert [layer.op for layer in traced.layers] == [layer.op for layer in drawn.layers]
    mine, own = count(traced).to_json(), count(drawn).to_json()
    assert mine["security_index"] == own["security_index"] and mine["verdict"] == own["verdict"]
    assert [row["rank"] for row in mine["layers"]] == [row["rank"] for row in own["layers"]]


def test_torchvisions_own_resnet18_has_the_rank_analysis_of_the_zoo():
    """Of the module that anybody makes, with its operations in place."""
    models = import_torchvision().models
    traced = graph_of(models.resnet18(num_classes=10), (3, 64, 64))
    drawn = count(drawing(MODELS["resnet18"](), (3, 64, 64), 10)).to_json()
    assert count(traced).to_json() == drawn


class Stopping(nn.Module):
    """A convolution, `then`, and a dense layer."""

    def __init__(self, then):
        super().__init__()
        self.conv, self.fc, self.then = nn.Conv2d(3, 4, 3, 1, 1), nn.Linear(4, CLASSES), then

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.then(self, self.conv(x)).mean((2, 3)))


class Mix(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nchw,nchw->nchw", x, x)


def mixing() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), Mix(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES))


def scaled(net: Stopping, x: Tensor) -> Tensor:
    return x * 2


def decided(net: Stopping, x: Tensor) -> Tensor:
    return x if x.mean() > 0 else -x


def again(net: Stopping, x: Tensor) -> Tensor:
    return F.conv2d(x, net.conv.weight[:, :1].expand(4, 4, 3, 3), padding=1)


def oblong(net: Stopping, x: Tensor) -> Tensor:
    return nn.Conv2d(4, 4, (1, 3), padding=(0, 1))(x)


def drawing_lots(net: Stopping, x: Tensor) -> Tensor:
    return F.dropout(x, 0.5)


def shifted(net: Stopping, x: Tensor) -> Tensor:
    return x + torch.ones(())


def written(net: Stopping, x: Tensor) -> Tensor:
    x[:, 0] = 0
    return x


def aliased(net: Stopping, x: Tensor) -> Tensor:
    x.view(-1).relu_()
    return x


STOPS = {
    scaled: "tracing stops at Tensor.mul",
    decided: "decides by values of a tensor",
    again: "is worked out in the forward pass",
    oblong: "1x3 is not square",
    drawing_lots: "drops values in eval mode too",
    shifted: "not worked out from the picture",
    written: "values are written into a tensor",
}


@pytest.mark.parametrize("then", STOPS, ids=lambda f: f.__name__)
def test_where_tracing_stops_one_sentence_says_why(then):
    with pytest.raises(SpecError) as stop:
        graph_of(Stopping(then), SHAPE)
    said = str(stop.value)
    assert STOPS[then] in said and said.startswith("tracing stops at ") and "\n" not in said
    assert "of test_tracing.py" in said


def test_the_sentence_names_function_layer_and_line():
    with pytest.raises(
        SpecError, match=r"tracing stops at torch.functional.einsum in layer '1' \(line \d+ of test_tracing.py\)"
    ):
        graph_of(mixing(), SHAPE)


def test_a_layer_that_is_used_twice_is_said():
    conv = nn.Conv2d(3, 3, 3, 1, 1)
    model = nn.Sequential(conv, nn.ReLU(), conv, nn.Flatten(), nn.Linear(432, CLASSES))
    with pytest.raises(SpecError, match="layer '0' is used twice"):
        graph_of(model, SHAPE)
    opaque = graph_of(model, SHAPE, opaque=True)
    assert [layer.kind for layer in opaque.layers] == ["opaque", "activation", "opaque", "flatten", "dense"]
    assert opaque.parameters == sum(p.numel() for p in model.parameters())


def test_tied_weights_are_said():
    model = nn.Sequential(nn.Flatten(), nn.Linear(432, 432), nn.Tanh(), nn.Linear(432, 432), nn.Linear(432, CLASSES))
    model[3].weight = model[1].weight
    with pytest.raises(SpecError, match=r"shared between 1.weight and 3.weight"):
        graph_of(model, SHAPE)


def test_weight_norm_is_said():
    model = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), nn.Flatten(), nn.Linear(400, CLASSES)
    )
    with pytest.raises(SpecError, match="as weight norm does"):
        graph_of(model, SHAPE)


def test_what_is_no_layer_is_opaque_where_only_counting_is_asked():
    found = count(graph_of(mixing(), SHAPE, opaque=True)).to_json()
    assert found["verdict"] == "unsupported"
    assert any("einsum" in (row["reason"] or "") for row in found["layers"])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(100, 10)), "does not take pictures of 3x12x12"),
        (nn.Conv2d(1, 4, 3), "does not take pictures of 3x12x12"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(0), nn.Linear(800, 10)), "only flattening each picture"),
    ],
)  # fmt: skip
def test_pictures_that_do_not_fit_are_said(model, said):
    with pytest.raises(SpecError, match=said):
        graph_of(model, SHAPE)


def test_the_ops_that_have_weights_find_them_by_name():
    model = STYLES["nested"]()
    for layer in graph_of(model, SHAPE).layers:
        if isinstance(layer.op, Conv | Dense | BatchNorm | GroupNorm):
            assert sum(p.numel() for p in model.get_submodule(layer.name).parameters()) == layer.op.parameters
    assert any(isinstance(layer.op, Add) for layer in graph_of(STYLES["in place"](), SHAPE).layers)
