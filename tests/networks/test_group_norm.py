"""Networks with group norm: values by formula, no statistics, and what runs on them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gi_core import networks
from gi_core.analysis.rank import count
from gi_core.cli import main
from gi_core.settings import SpecError, build
from gi_core.settings.check import problems
from gi_core.settings.layer_graphs import layer_graph

KINDS = {
    "convnet": (8, 32), "resnet20": (21, 32), "resnet18": (20, 64), "densenet121": (121, 64), "mobilenet_v2": (52, 64),
}  # fmt: skip


def _model(kind: str, size: int, **values):
    asked = build({"samples": ["bundled/faces"], "model": {"kind": kind, "norm": "group", **values}})
    return asked.model, networks.build(asked.model, (3, size, size), 10)


@pytest.mark.parametrize("kind", KINDS)
def test_every_batch_norm_becomes_a_group_norm(kind):
    norms, size = KINDS[kind]
    settings, network = _model(kind, size)
    assert not settings.has_batch_norm
    assert sum(isinstance(m, nn.GroupNorm) for m in network.modules()) == norms
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert not any("running" in name for name in network.state_dict())


@pytest.mark.parametrize("kind", ["resnet20", "resnet18"])
def test_weights_are_those_of_the_network_with_batch_norm(kind):
    size = KINDS[kind][1]
    with_groups = _model(kind, size)[1].state_dict()
    plain = networks.build(build({"model": {"kind": kind}}).model, (3, size, size), 10).state_dict()
    assert with_groups.keys() == {k for k in plain if "running" not in k and "num_batches" not in k}
    assert all(torch.equal(value, plain[name]) for name, value in with_groups.items())


def test_groups_divide_the_channels():
    """gcd(groups, channels): 24 channels and 32 groups give 8."""
    network = _model("mobilenet_v2", 64)[1]
    assert {(m.num_groups, m.num_channels) for m in network.modules() if isinstance(m, nn.GroupNorm)} >= {
        (8, 24),
        (32, 32),
    }
    assert {m.num_groups for m in _model("convnet", 32, norm_groups=1)[1].modules() if isinstance(m, nn.GroupNorm)} == {
        1
    }


def test_pictures_of_a_batch_do_not_meet():
    network = _model("resnet20", 32)[1].train()
    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(network(x)[:1], network(x[:1]), atol=1e-5)


def test_a_drawn_row_may_have_groups():
    rows = [{"kind": "conv", "channels": 12, "group_norm": 4}, {"kind": "residual", "channels": 12, "group_norm": 3}]
    settings = build({"model": {"kind": "custom", "layers": rows}}).model
    network = networks.build(settings, (3, 16, 16), 10)
    assert [m.num_groups for m in network.modules() if isinstance(m, nn.GroupNorm)] == [4, 3, 3]
    with pytest.raises(SpecError, match="5 groups of a group norm do not divide 12 channels"):
        rows[0]["group_norm"] = 5
        networks.build(build({"model": {"kind": "custom", "layers": rows}}).model, (3, 16, 16), 10)


def test_rank_says_what_a_group_norm_keeps():
    """Two equations of each group are lost: its mean and its length."""
    settings = build({"model": {"kind": "custom", "layers": [{"kind": "conv", "channels": 12, "group_norm": 4}]}}).model
    row = next(layer for layer in count(layer_graph(settings, (3, 16, 16), 10)).layers if layer.kind == "group_norm")
    assert row.unknowns - row.rank == 2 * 4
    assert "group norm" in row.reason


def test_train_mode_changes_nothing_and_says_so():
    asked = build({"model": {"kind": "resnet20", "norm": "group"}, "client": {"batch_norm": "train"}})
    assert any("no batch norm" in p.reason and not p.fatal for p in problems(asked))


def test_dp_sgd_takes_it_where_batch_norm_in_train_mode_is_refused():
    asked = {"model": {"kind": "resnet20"}, "client": {"batch_norm": "train"}, "defenses": [{"kind": "dp_sgd"}]}
    assert any(p.fatal and p.field == "client.batch_norm" for p in problems(build(asked)))
    asked["model"]["norm"] = "group"
    assert not any(p.field == "client.batch_norm" and p.fatal for p in problems(build(asked)))


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["inverting_gradients:iterations=3", "levenberg_marquardt:iterations=2"])
def test_attacks_run_on_it(gi_home, capsys, attack):
    model = "convnet:norm=group,width=4,depth=2,activation=gelu"
    asked = ["attack", "--sample", "bundled/faces:0", "--model", model, "--attack", attack, "--size", "10"]
    assert main([*asked, "--defense", "dp_sgd"]) == 0
    assert "PSNR" in capsys.readouterr().out
