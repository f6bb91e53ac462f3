"""A network of one's own: prepared, held, imported, read from a file, and refused with one sentence."""

from __future__ import annotations

import sys
import zipfile

import pytest
import torch
from torch import nn

from gi_core.common.errors import SpecError
from gi_core.networks import build, own
from gi_core.networks.exported import opened
from gi_core.networks.prepared import facts, last_layer, prepared
from gi_core.networks.tracing import graph_of
from gi_core.settings import MODELS, own_network, problems
from gi_core.settings import build as experiment
from gi_core.settings.own_network import OwnNetwork
from tests.own_modules import CLASSES, SHAPE, STYLES, FunctionalLeNet, InPlace, Writing


@pytest.mark.parametrize("style", STYLES)
def test_a_prepared_copy_computes_the_same_and_leaves_the_module_alone(style):
    model = STYLES[style]().train()
    before, random = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    copy = prepared(model, SHAPE)
    assert torch.equal(torch.get_rng_state(), random) and all(m.training for m in model.modules())
    assert not any(m.training or getattr(m, "inplace", False) for m in copy.modules())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    x = torch.rand(2, *SHAPE) - 0.5
    kept = x.clone()
    torch.testing.assert_close(copy(x), model.eval()(x.clone()))
    assert torch.equal(x, kept), "the pictures were written into"


def test_the_last_layer_is_the_one_whose_output_is_the_networks():
    copy = prepared(FunctionalLeNet(), SHAPE)
    name, layer = last_layer(copy)
    assert name == "fc2" and list(dict(copy.named_parameters()))[-1] == "fc1.bias" and layer is copy.fc2


def test_frozen_parameters_take_no_part():
    model = InPlace()
    model.conv1.weight.requires_grad_(False)
    copy = prepared(model, SHAPE)
    assert facts(copy).frozen == ("conv1.weight",) and "conv1.weight" not in dict(copy.named_parameters())
    assert model.conv1.weight.requires_grad is False and isinstance(model.conv1.weight, nn.Parameter)
    assert torch.equal(copy.state_dict()["conv1.weight"], model.conv1.weight)
    graph_of(copy, SHAPE)


def test_half_precision_becomes_single():
    assert next(prepared(FunctionalLeNet().half(), SHAPE).parameters()).dtype == torch.float32


def test_a_wrapper_is_taken_off():
    inner = FunctionalLeNet()
    names = [n for n, _ in prepared(nn.DataParallel(inner), SHAPE).named_parameters()]
    assert names == [n for n, _ in inner.named_parameters()]


class Keeping(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(432, CLASSES)
        self.last = self.fc(torch.rand(1, 432))

    def forward(self, x):
        return self.fc(x.flatten(1))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(432, CLASSES)

    def forward(self, x):
        return {"logits": self.fc(x.flatten(1))}


def frozen() -> nn.Module:
    return FunctionalLeNet().requires_grad_(False)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Keeping, "cannot be copied"),
        (Two, "returns a dict, and an attack needs one tensor"),
        (frozen, "is frozen throughout"),
        (nn.ReLU, "has no parameters"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), "has no values yet"),
        (lambda: nn.Conv2d(3, 4, 3), "returns 2x4x10x10 for 2 pictures"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(9, 10)), "does not take pictures of 3x12x12"),
        (lambda: nn.Linear(3, 4, device="meta"), "meta device"),
        (lambda: torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(432, 10))), "script of torch.jit"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_what_cannot_be_prepared_is_said(make, said):
    with pytest.raises(SpecError, match=said) as stop:
        prepared(make(), SHAPE)
    assert "\n" not in str(stop.value)


# held in memory


def test_a_held_module_is_an_experiments_network():
    settings = own.hold(FunctionalLeNet(), SHAPE)
    assert settings.input == SHAPE and settings.classes == CLASSES and settings.last_bias and settings.kinked
    assert not settings.has_batch_norm and not settings.one_logit and settings.name == settings.source
    asked = experiment(
        {"model": settings.model_dump(mode="json"), "size": 12, "attack": {"kind": "inverting_gradients"}}
    )
    assert problems(asked) == []
    assert asked == experiment(asked.model_dump(mode="json"))
    made = build(asked.model, SHAPE, 10)
    assert last_layer(made)[0] == "fc2"
    own.let_go(settings)
    with pytest.raises(SpecError, match="was let go"):
        build(asked.model, SHAPE, 10)


def test_equal_modules_have_equal_names_and_others_other_ones():
    model = FunctionalLeNet()
    first, second = own.hold(model, SHAPE), own.hold(model, SHAPE)
    with torch.no_grad():
        model.fc2.bias.add_(1)
    assert first == second and own.hold(model, SHAPE).source != first.source


def test_a_held_copy_does_not_follow_the_module():
    model = Writing()
    settings = own.hold(model, SHAPE)
    with torch.no_grad():
        model.out.weight.zero_()
    assert bool(build(settings, SHAPE, 10).out.weight.any())


def test_without_a_shape_usual_ones_are_tried():
    grey = nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(4 * 24 * 24, 10))
    assert own.hold(grey).input == (1, 28, 28)
    free = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    settings = own.hold(free)
    assert settings.input is None and settings.channels_only == 3 and settings.one_logit and settings.classes is None


def test_facts_of_batch_norm_and_kinks():
    found = own.hold(InPlace(), SHAPE)
    assert found.has_batch_norm and found.kinked
    assert not own.hold(STYLES["sigmoid"](), SHAPE).kinked
    assert not own.hold(STYLES["dense"](), SHAPE).last_bias


def test_a_size_that_does_not_fit_is_said_before_anything_runs():
    settings = own.hold(FunctionalLeNet(), SHAPE)
    asked = experiment({"model": settings.model_dump(mode="json"), "size": 16})
    assert [p.reason for p in problems(asked) if p.fatal] == [
        "this network takes pictures of 12 pixels, not 16: set size"
    ]


# from code and files


SOURCE = '''
from torch import nn
import torch

def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 10))

def sized(width):
    return net()

def failing():
    raise RuntimeError("no weights here")

def empty():
    return 3

def leaving():
    raise SystemExit(2)

class Holder:
    ready = net()

value = 3
'''  # fmt: skip


@pytest.fixture
def code(tmp_path, monkeypatch):
    (tmp_path / "net_of_mine.py").write_text(SOURCE)
    (tmp_path / "broken_net.py").write_text("import no_such_thing\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    yield tmp_path
    sys.modules.pop("net_of_mine", None)


def test_a_callable_of_ones_own_code(code):
    settings = own.named("net_of_mine:net", SHAPE)
    first, second = build(settings, SHAPE, 10), build(settings, SHAPE, 10)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = build(settings.model_copy(update={"seed": 1}), SHAPE, 10)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))
    assert own.named("net_of_mine:Holder.ready", SHAPE).classes == 10


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no_such_module_here:net", "there is no Python module 'no_such_module_here'"),
        ("net_of_mine:nett", "has no 'nett': did you mean 'net'"),
        ("net_of_mine:sized", r"needs arguments \(missing a required argument: 'width'\)"),
        ("net_of_mine:failing", "stops: RuntimeError: no weights here"),
        ("net_of_mine:empty", "gives a int, not a torch.nn.Module"),
        ("net_of_mine:leaving", "ends the program"),
        ("net_of_mine:value", "is a int, not a torch.nn.Module or what returns one"),
        ("broken_net:net", "importing broken_net stops: ModuleNotFoundError"),
        ("memory:Net-1", "lives in the Python process"),
        ("nothing like it", "is no network of your own"),
        ("missing.pt2", "is not there"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_is_said(code, source, said):
    with pytest.raises(ValueError, match=said):
        own.named(source, SHAPE)


def test_code_runs_only_with_the_right(code, monkeypatch):
    monkeypatch.setattr(own_network, "_allowed", set())
    monkeypatch.setattr(own_network, "_every", False)
    settings = OwnNetwork(source="net_of_mine:failing", classes=10)
    with pytest.raises(SpecError, match="which only a command line or Python may run"):
        build(settings, SHAPE, 10)
    fatal = [p.reason for p in problems(experiment({"model": settings.model_dump(mode="json")})) if p.fatal]
    assert len(fatal) == 1 and "--model net_of_mine:failing" in fatal[0]
    assert "net_of_mine" not in sys.modules


def test_it_is_not_offered_by_kind_alone():
    assert "own" not in MODELS


def exported(path, model, *pictures, **more):
    torch.export.save(torch.export.export(model, pictures, **more), path)
    return path


def test_a_file_of_torch_export_is_the_network_again(tmp_path):
    model = InPlace().eval()
    path = exported(tmp_path / "net.pt2", model, torch.rand(1, *SHAPE))
    network = opened(path)
    x = torch.rand(1, *SHAPE)
    torch.testing.assert_close(network(x), model(x))
    assert [n for n, _ in network.named_parameters()] == [n for n, _ in model.named_parameters()]
    assert isinstance(network.bn1, nn.BatchNorm2d) and isinstance(network.conv1, nn.Conv2d)
    assert [layer.op for layer in graph_of(network, SHAPE).layers] == [
        layer.op for layer in graph_of(model, SHAPE).layers
    ]
    settings = own.named(str(path), SHAPE)
    assert settings.has_batch_norm and last_layer(build(settings, SHAPE, 10))[0] == "fc"


def test_an_export_of_any_batch_takes_several_pictures(tmp_path):
    batch = torch.export.Dim("batch", min=1, max=64)
    path = exported(tmp_path / "net.pt2", FunctionalLeNet().eval(), torch.rand(2, *SHAPE), dynamic_shapes=({0: batch},))
    assert opened(path)(torch.rand(5, *SHAPE)).shape == (5, CLASSES)


def test_an_export_in_training_mode_is_said(tmp_path):
    path = exported(tmp_path / "net.pt2", InPlace().train(), torch.rand(2, *SHAPE))
    with pytest.raises(SpecError, match="exported in training mode"):
        opened(path)


class Evil:
    def __reduce__(self):
        return (exec, ("import builtins; builtins.was_run = True",))


def test_a_pickle_in_the_file_is_refused_unexecuted(tmp_path):
    import builtins

    path = exported(tmp_path / "net.pt2", FunctionalLeNet().eval(), torch.rand(1, *SHAPE))
    evil = tmp_path / "evil.pt"
    torch.save((((Evil(),), {})), evil)
    rewritten(path, lambda name, content: evil.read_bytes() if "sample_inputs" in name else content)
    with pytest.raises(SpecError, match="refused without running it"):
        opened(path)
    assert not hasattr(builtins, "was_run")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("torch.ops.aten.relu.default", "torch.ops.mylib.relu.default", "only operations of aten are read"),
        ('"use_pickle": false', '"use_pickle": true', "refused without running them"),
        ('"as_int": 12', '"as_expr": {"expr_str": "__import__(1)", "hint": null}', "no sums and products"),
    ],
)
def test_a_file_that_holds_more_than_a_network_is_refused(tmp_path, old, new, said):
    path = exported(tmp_path / "net.pt2", FunctionalLeNet().eval(), torch.rand(1, *SHAPE))
    seen = []
    rewritten(
        path, lambda name, content: content.replace(old.encode(), new.encode()) if not seen.append(content) else b""
    )
    assert any(old.encode() in content for content in seen)
    with pytest.raises(SpecError, match=said):
        opened(path)


def rewritten(path, change):
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(name, change(name, content))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\3\4" + bytes(100)])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    path = tmp_path / "net.pt2"
    path.write_bytes(content)
    with pytest.raises(SpecError, match="net.pt2"):
        opened(path)
