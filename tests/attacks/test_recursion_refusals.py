"""What no recursion goes through, said once and alike before and after; and updates that are not exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gi_core.attacks import Refused, make
from gi_core.settings import problems
from tests.recovery import PLAN, ask, conv, drawn, open_attack, recover

NET = drawn(conv(16, 5, stride=2), conv(24))
POOL = {"kind": "max_pool", "size": 2}
TWO = {"samples": ["bundled/astronaut", "bundled/coffee"]}
DENSE = {"kind": "dense", "features": 20, "slope": 0.2}


REFUSED = {
    "gelu": (drawn(conv(16, activation="gelu"), conv(24)), "rgap", {}, "layer layer1 .*gelu takes the same value twice"),
    "silu": ({"kind": "lenet", "activation": "silu"}, "peeling", {}, "layer conv3 .*silu takes the same value twice"),
    "relu": ({"kind": "lenet", "activation": "relu"}, "rgap", {}, "layer conv3 .*ReLU has no inverse: peeling"),
    "relu, hybrid": ({"kind": "lenet", "activation": "relu"}, "rgap_hybrid", {}, "layer conv3 .*ReLU has no inverse"),
    "relu in a block": (
        drawn({"kind": "residual", "channels": 8, "kernel": 3, "activation": "relu"}), "rgap", {}, "layer layer1_.*ReLU",
    ),
    "max pool": (drawn(conv(16), POOL, conv(24)), "peeling", {}, "layer layer2 .*max pooling"),
    "average pool": (drawn(conv(16), {**POOL, "kind": "average_pool"}), "rgap", {}, "layer layer2 .*average pooling"),
    "global average": ({"kind": "resnet20"}, "peeling", {}, "layer pool .*global average pooling"),
    "torchvision": ({"kind": "resnet18"}, "rgap", {"size": 32}, "is not drawn as a chain of layers"),
    "two pictures": (NET, "rgap", TWO, "through convolutions reads one picture, and this update is of 2"),
    "two pictures, peeled": ({"kind": "lenet"}, "peeling", TWO, "reads one picture, and this update is of 2"),
    "train mode": (
        drawn(conv(16, batch_norm=True)), "rgap", {"client": {"kind": "fedsgd", "batch_norm": "train"}},
        "batch norm in train mode .*client.batch_norm=eval",
    ),
    "analytic on convolutions": ({"kind": "lenet"}, "analytic_linear", {}, "layer conv1 is not dense"),
    "no bias": (drawn(DENSE, bias=False), "analytic_linear", {}, "no dense layer has a bias.*choose R-GAP"),
    "relu without last bias": (
        drawn(conv(16, activation="relu"), bias=False), "peeling", {}, "the last layer has no bias.*needs it",
    ),
    "gelu under the biased layer": (
        drawn({**DENSE, "activation": "gelu"}), "analytic_linear", {}, "layer layer1 cannot be inverted: gelu",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_sentence_before_and_after(name):
    model, attack, more, says = REFUSED[name]
    asked = ask(model, attack, **more)
    fatal = [p.reason for p in problems(asked) if p.fatal and p.field == "attack"]
    with pytest.raises(Refused, match=says) as refusal:
        open_attack(asked)
    sentence = str(refusal.value)
    assert len(fatal) == 1 and "\n" not in sentence and len(sentence) < 200 and not sentence.endswith(".")
    assert fatal[0].replace(asked.model.title, "this network") == sentence  # a machine does not know the title


def test_what_can_be_recovered_is_not_refused():
    for model, attack, more in (
        (NET, "rgap", {}), ({"kind": "lenet", "activation": "relu"}, "peeling", {}), ({"kind": "mlp"}, "analytic_linear", TWO),
        (drawn({**DENSE, "bias": True, "activation": "gelu"}), "analytic_linear", {}), ({"kind": "cnn6_d"}, "rgap_hybrid", {}),
    ):  # fmt: skip
        assert not [p for p in problems(ask(model, attack, **more)) if p.fatal]


def test_no_dense_last_layer():
    attack, _, _ = open_attack(ask(NET))
    graph = attack.knowledge.model.graph
    attack.knowledge.model.graph = replace(graph, layers=graph.layers[:-1])
    with pytest.raises(Refused, match="begins at a dense last layer, which this network does not have"):
        make(attack.settings, attack.update, attack.knowledge, plan=PLAN, device="cpu")


@pytest.mark.parametrize(
    ("factor", "says"), [(0.0, "zero"), (float("nan"), "finite|not a number"), (float("inf"), "finite")]
)
@pytest.mark.parametrize("kind", ["rgap", "peeling", "rgap_hybrid"])
def test_an_update_that_says_nothing_is_refused(kind, factor, says):
    attack, _, _ = open_attack(ask(NET, kind))
    spoilt = replace(attack.update, tensors={n: torch.full_like(t, factor) for n, t in attack.update.tensors.items()})
    with pytest.raises(Refused, match=says) as refusal:
        built = make(attack.settings, spoilt, attack.knowledge, plan=PLAN, device="cpu")
        built.init(0)
    assert "\n" not in str(refusal.value)


NOISES = [
    {"kind": "gaussian_noise", "std": 1e-4},
    {"kind": "gaussian_noise", "std": 1.0},
    {"kind": "pruning", "fraction": 0.9},
    {"kind": "quantisation", "bits": 4},
]


@pytest.mark.parametrize(
    "model", [NET, drawn(conv(16, 5, stride=2), conv(24), logits="one", bias=False), {"kind": "fcn3"}]
)
@pytest.mark.parametrize("noise", NOISES, ids=lambda d: f"{d['kind']} {d.get('std', '')}")
def test_a_disturbed_update_is_recovered_badly_and_said_to_be(model, noise):
    asked = ask(model, defenses=[noise])
    warned = [p for p in problems(asked) if p.field == "defenses"]
    assert len(warned) == 1 and not warned[0].fatal
    try:
        found = recover(asked)
    except Refused as refusal:
        assert "no logit fits" in str(refusal)
        return
    assert found.psnr[0] < 60
    assert "contradict each other" in found.step.note and "relative error of about" in found.step.note


def test_the_error_that_is_expected_is_of_the_size_of_the_true_one():
    for std in (1e-6, 1e-5, 1e-4):
        found = recover(ask(NET, defenses=[{"kind": "gaussian_noise", "std": std}]))
        image, _ = found.attack.answer(found.state)
        true = float((image - found.truth).norm() / found.truth.norm())
        expected = max(layer.error for layer in found.layers)
        assert expected / 10 < true < expected * 10
