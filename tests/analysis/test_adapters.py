"""Updates of adapters or the head alone: predicted ranks are those of the real layer, and a client that sends them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import gi_core as gi
from gi_core import attacks
from gi_core.analysis.rank import adapters
from gi_core.attacks.base import stream
from gi_core.cli import main
from gi_core.experiments import risk_afterwards, setup
from gi_core.networks.adapters import Adapted, adapted
from gi_core.settings import SpecError, build, problems
from gi_core.settings.plan import Plan

sizes = st.integers(1, 6)


def measured(inputs: int, outputs: int, rank: int, pictures: int, zero: bool, balanced: bool) -> tuple[int, int]:
    """(rank of dL/dA, rank of the equations for the inputs) of a real layer with signals D, by torch's own derivatives."""
    draw = torch.Generator().manual_seed(inputs + 7 * outputs + 31 * rank + 101 * pictures)
    layer = adapted(nn.Sequential(nn.Linear(inputs, outputs)), rank, "zero" if zero else "trained", 3).double()[0]
    assert isinstance(layer, Adapted)
    signals = torch.randn(pictures, outputs, generator=draw, dtype=torch.float64)
    signals = signals - signals.mean(1, keepdim=True) if balanced else signals

    def sent(x: torch.Tensor) -> torch.Tensor:
        ways = torch.autograd.grad((layer(x) * signals).sum(), [layer.adapter_a, layer.adapter_b], create_graph=True)
        return torch.cat([w.reshape(-1) for w in ways])

    x = torch.randn(pictures, inputs, generator=draw, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(sent, x).reshape(-1, x.numel())
    first = sent(x)[: layer.adapter_a.numel()].view_as(layer.adapter_a)
    return int(torch.linalg.matrix_rank(first)), int(torch.linalg.matrix_rank(jacobian))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sizes, sizes, sizes, sizes, st.booleans(), st.booleans())
def test_predicted_ranks_are_the_measured_ones(inputs, outputs, rank, pictures, zero, balanced):
    found = adapters.layer("fc", inputs, outputs, rank, pictures, zero, balanced)
    span, shown = measured(inputs, outputs, rank, pictures, zero, balanced)
    assert (min(found.span, inputs), found.shown) == (span, shown)


def test_an_adapter_that_begins_at_zero_leaves_the_network_as_it_was():
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    x = torch.randn(2, 5)
    assert torch.equal(adapted(model, 2, "zero", 0)(x), model(x)) and not torch.equal(
        adapted(model, 2, "trained", 0)(x), model(x)
    )
    with pytest.raises(SpecError, match="no dense layer to adapt"):
        adapted(nn.Conv2d(1, 1, 3), 2, "zero", 0)


def question(attack="levenberg_marquardt", **client):
    return setup.ask(
        build({
            "samples": ["bundled/faces:0"], "size": 8, "model": {"kind": "mlp", "hidden": 32, "activation": "tanh"},
            "client": {"kind": "fedsgd", **client}, "attack": {"kind": attack, "labels": "known"},
        }),
        torch.device("cpu"), lambda *_: None,
    )  # fmt: skip


def error(asked) -> float:
    done = asked.round
    machine = attacks.make(asked.experiment.attack, done.update, done.knowledge, plan=Plan(), device="cpu")
    *_, (state, _) = stream(machine, machine.init(0))
    return float((machine.answer(state)[0] - torch.tensor(asked.pictures.images)).square().mean().sqrt())


def test_adapters_show_the_picture_once_b_is_not_zero_and_only_a_x_before():
    zero, trained = question(trains="adapter"), question(trains="adapter", adapter_start="trained")
    assert all(
        n.endswith(("adapter_a", "adapter_b")) for n in set(zero.round.update.tensors) - set(zero.round.update.withheld)
    )
    first = zero.round.update.tensors
    assert not any(bool(t.any()) for n, t in first.items() if n.endswith("adapter_a"))
    assert error(zero) > 0.1 and error(trained) < 1e-4


def test_a_second_round_gives_away_what_the_first_one_of_fresh_adapters_hid():
    assert error(question(trains="adapter", rounds=2, server_rate=1.0)) < 1e-2


def test_the_head_alone_sends_nothing_else():
    asked = question(trains="head")
    sent = asked.round.update
    assert risk_afterwards.calibrate(asked, 0.1) is None, "what did not train was not perturbed"
    assert set(sent.tensors) - set(sent.withheld) == {list(sent.tensors)[-2], list(sent.tensors)[-1]}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"attack": {"kind": "rgap"}}, "reads layers that this client does not send"),
        ({"attack": {"kind": "levenberg_marquardt"}}, "adapters do not show the label"),
        ({"client": {"kind": "fedavg", "trains": "adapter"}}, "choose client fedsgd"),
        ({"defenses": [{"kind": "dp_sgd"}]}, "defenses are played where all of the network trains"),
    ],
)
def test_what_a_partial_client_cannot_be_is_said(more, said):
    asked = build({"client": {"kind": "fedsgd", "trains": "adapter"}, **more})
    assert any(p.fatal and said in p.reason for p in problems(asked))


def test_the_same_on_the_command_line_and_in_python(capsys):
    assert main(["rank", "--model", "mlp", "--input", "1x8x8", "--adapter", "4", "--adapter-start", "trained"]) == 0
    printed = capsys.readouterr().out
    assert "so the input shows" in printed and "inputs spanned" in printed
    found = gi.rank("mlp", (1, 8, 8), adapter=4, pictures=6)
    assert found.adapters is not None and found.adapters[0]["span"] == 0 and "A x alone shows" in repr(found)
    with pytest.raises(SpecError, match="zero or trained"):
        gi.rank("mlp", (1, 8, 8), adapter=4, adapter_start="random")
