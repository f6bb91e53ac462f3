"""R-GAP on whole networks: exact where every layer is determined, and honest where not."""

from __future__ import annotations

import pytest
import torch

from tests.recovery import ask, conv, drawn, recover, statistics

ASTRONAUT = {"samples": ["bundled/astronaut"], "size": 32}
AGREE = "every layer is determined and its equations agree"


def residual(channels: int, **more) -> dict:
    return {"kind": "residual", "channels": channels, "kernel": 3, "slope": 0.2, **more}


def test_cnn6_is_exact_and_offers_both_brightnesses_and_labels():
    found = recover(ask({"kind": "cnn6"}, **ASTRONAUT))
    assert found.psnr[0] >= 100 and found.step.note == AGREE and found.labels == found.labels_true
    assert [layer.name for layer in found.layers] == ["fc", *(f"conv{k}" for k in range(6, 0, -1))]
    assert all(layer.deficiency == 0 and layer.residual < 1e-5 for layer in found.layers)
    # two roots of the loss, of one label: the same picture, brighter by the ratio of the two dL/df
    best = found.state["candidates"][found.step.best]
    twins = [i for i, c in enumerate(found.state["candidates"]) if c["label"] == best["label"]]
    assert len(twins) == 2 and found.step.best in twins
    dim, bright = (found.step.images[i, 0] for i in twins)
    ratio = [1 / float(found.state["candidates"][i]["k"][0]) for i in twins]
    torch.testing.assert_close(bright, dim * (ratio[1] / ratio[0]), rtol=1e-9, atol=0)
    assert ratio[1] / ratio[0] > 1.5 and found.step.score[found.step.best] == found.step.score.min()


def test_each_twin_gives_the_update_that_was_seen():
    """Why there are two: a client with the brighter picture would have sent the same gradient."""
    asked = ask({"kind": "fcn3"}, labels=[0])
    found = recover(asked)
    update, own = found.attack.update.tensors, found.state["candidates"]
    twins = [i for i, c in enumerate(own) if c["label"] == found.labels_true[0]]
    assert len(twins) == 2
    for i in twins:
        model = found.attack.knowledge.model.double().requires_grad_(True)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            model(found.step.images[i])[0, 0], torch.tensor(float(found.labels_true[0]), dtype=torch.float64)
        )
        for seen, made in zip(update.values(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
            assert float((made - seen).norm() / seen.norm()) < 1e-5


@pytest.mark.slow
def test_published_weighting_loses_most_of_it():
    found = recover(ask({"kind": "cnn6"}, {"kind": "rgap", "weighting": "published", "root": "small"}, **ASTRONAUT))
    assert 20 <= found.psnr[0] <= 60
    assert all(layer.deficiency == 0 for layer in found.layers) and len(found.step.images) == 2  # one root, two labels


def test_cnn6_d_is_short_by_280_at_its_second_layer_and_says_so():
    found = recover(ask({"kind": "cnn6_d"}, **ASTRONAUT))
    assert {layer.name: layer.deficiency for layer in found.layers if layer.deficiency} == {"conv2": 280}
    assert found.layer("conv2").route == "under-determined" and found.layer("conv2").rank == 3188
    assert "conv2 is short of equations" in found.step.note and found.psnr[0] < 15
    assert found.layer("conv3").note == "" and "guessed" in found.layer("conv1").note


@pytest.mark.parametrize("label", ["true", "reversed"])
@pytest.mark.parametrize("logit", [1, -1])
def test_fcn3_is_exact_to_single_precision(label, logit):
    """Its leaky ReLU after the logit made the published picture five times too dark where the logit is negative."""
    for seed in range(20):
        asked = ask({"kind": "fcn3", "seed": seed}, client={"kind": "fedsgd", "label": label}, labels=[4])
        found = recover(asked)
        value = float(found.attack.knowledge.model(found.truth.float())[0, 0])
        if value * logit > 0:
            break
    assert found.labels_true == ([1] if label == "true" else [int(value <= 0)])
    assert found.psnr[0] > 130


@pytest.mark.parametrize("activation", ["leaky_relu", "sigmoid", "tanh", "elu", "softplus", "none"])
@pytest.mark.parametrize("outputs", [{"logits": "classes"}, {"logits": "one"}])
def test_every_activation_that_has_an_inverse(activation, outputs):
    layers = (conv(16, 5, stride=2, activation=activation), conv(24, activation=activation))
    assert recover(ask(drawn(*layers, **outputs))).psnr[0] > 80


EXACT = {
    "bias": (conv(16, 5, stride=2, bias=True), conv(24, bias=True)),
    "batch norm": (conv(12, 5, stride=2, bias=True, batch_norm=True), conv(24, batch_norm=True)),
    "groups": (conv(12, 5, stride=2), conv(24, groups=4)),
    "each channel alone": (conv(12, 5, stride=2), conv(24, groups=12)),
    "dilation": (conv(12, 5, stride=2), conv(24, dilation=2, padding=2)),
    "dense": (conv(16, 4, stride=2, padding=1), {"kind": "dense", "features": 40, "bias": True, "slope": 0.2}),
    "identity skip": (conv(16, 4, stride=2, padding=1), residual(16)),
    "projection skip": (conv(16, 4, stride=2, padding=1), residual(32, stride=2, bias=True, batch_norm=True)),
    "two blocks": (conv(16, 4, stride=2, padding=1), residual(16, activation="tanh"), residual(24)),
}


@pytest.mark.parametrize("name", EXACT)
def test_every_kind_of_layer_that_is_determined(name):
    found = recover(ask(drawn(*EXACT[name])), prepare=statistics)
    assert found.psnr[0] > 80 and found.step.note == AGREE
    assert not any(layer.deficiency for layer in found.layers)


SHORT = {
    "few filters": ((conv(2, 3, stride=2), conv(24)), "layer1"),
    "few filters in a block": ((conv(3, 4, stride=2, padding=1), residual(3)), "layer2_add"),
    "pixels that no output sees": ((conv(16, 2, stride=3, padding=0), conv(24)), "layer1"),
    "fewer channels": ((conv(16, 5, stride=2), conv(1, 1)), "layer2"),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_layer_short_of_equations_is_named(name):
    layers, first = SHORT[name]
    found = recover(ask(drawn(*layers)))
    assert next(layer.name for layer in found.layers if layer.deficiency) == first
    assert f"layer {first} is short of equations" in found.step.note and found.psnr[0] < 40


def test_a_batch_norm_that_switches_a_channel_off_is_survived():
    def switch_off(model):
        model.layer2_bn.weight.data[3] = 0.0

    found = recover(ask(drawn(conv(12, 5, stride=2), conv(24, batch_norm=True))), prepare=switch_off)
    assert found.psnr[0] > 80
