"""The factor of an update against the client as described: found, said with its likely reason, and undone."""

from __future__ import annotations

import numpy as np
import pytest

from gi_core.update_files.likely import Shown, reasons, round_bound
from gi_core.update_files.scaling import Layer, fit
from tests.update_files.sent import RATE, asked, change, gradient, near, network, said, trained


@pytest.mark.parametrize("kind", ["lenet", "resnet"])
@pytest.mark.parametrize("factor", [1.0, 0.5, 2.0, 128.0, 1e-3, -1.0, -0.3])
def test_the_factor_of_a_gradient_is_found_said_and_undone(tmp_path, kind, factor):
    net = network(kind)
    got = asked(tmp_path, net, {k: factor * v for k, v in gradient(net).items()}, kind)
    assert got.facts["scale"] == pytest.approx(factor, rel=2e-3) and got.facts["corrected"] is (factor != 1)
    assert near(got, net) < 2e-3
    words = {1.0: "", -0.3: "-0.3 times"}.get(factor, f"{factor:.4g} times what such a client would send")
    assert (words in said(got)) if words else not said(got)


@pytest.mark.parametrize("kind", ["lenet", "resnet"])
def test_without_the_last_bias_too(tmp_path, kind):
    net = network(kind)
    update = {k: 0.25 * v for k, v in gradient(net).items() if k != "fc.bias"}
    got = asked(tmp_path, net, update, kind, recorded={"withheld": ["fc.bias"]})
    assert got.facts["scale"] == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize(("rate", "factor"), [(RATE, 1.0), (10 * RATE, 0.1), (RATE / 10, 10.0)])
@pytest.mark.parametrize(("sign", "whole"), [(1, False), (-1, False), (1, True)])
def test_a_weight_change_by_another_learning_rate(tmp_path, rate, factor, sign, whole):
    net = network("lenet")
    after = trained(net)
    update = after if whole else {k: sign * v for k, v in change(net, after).items()}
    got = asked(tmp_path, net, update, client={"kind": "fedavg", "learning_rate": rate})
    assert got.facts["scale"] == pytest.approx(sign * factor, rel=1e-3) and got.facts["whole"] is whole
    assert got.round.knowledge.schedule.learning_rate == pytest.approx(RATE, rel=1e-3) and near(got, net) < 1e-3
    assert ("holds whole weights" in said(got)) is whole
    assert ("a learning rate of 0.05 in place of" in said(got)) is (factor != 1)
    assert ("its sign is flipped" in said(got)) is (sign < 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_in_place_of_the_mean_of_a_batch(tmp_path, sign):
    net = network("no bias")
    mean = asked(tmp_path, net, gradient(net, count=4), recorded={"images": 4})
    assert not said(mean) and not mean.facts.get("corrected")
    got = asked(tmp_path, net, {k: sign * 4 * v for k, v in gradient(net, count=4).items()}, recorded={"images": 4})
    assert got.facts["scale"] == pytest.approx(4 * sign) and near(got, net, count=4) < 1e-5
    assert f"{4 * sign} times what such a client would send" in said(got)


@pytest.mark.parametrize(("said_rate", "factor"), [(1e-3, 1), (1e-2, 0.1), (1e-4, 10)])
@pytest.mark.parametrize("sign", [1, -1])
def test_of_several_steps_only_a_gross_factor_is_undone(tmp_path, said_rate, factor, sign):
    net = network("no bias")
    update = {k: sign * v for k, v in change(net, trained(net, steps=5, rate=1e-3)).items()}
    got = asked(tmp_path, net, update, client={"kind": "fedavg", "learning_rate": said_rate, "epochs": 5})
    assert got.facts["scale"] == pytest.approx(sign * factor, rel=0.05)
    assert got.facts["corrected"] is bool(said(got)) is (sign * factor != 1)
    assert got.round.knowledge.schedule.learning_rate == pytest.approx(1e-3, rel=0.05)
    assert ("its sign is flipped" in said(got)) is (sign < 0)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("factor", "found"), [(1.0, 1.0), (10.0, 10.0), (0.5, 0.5), (-1.0, -1.0)])
@pytest.mark.parametrize("classes", [2, 3])
def test_of_two_classes_both_labels_fit_and_the_client_as_described_is_believed(label, factor, found, classes):
    """p - e_0 and p - e_1 are opposite where there are two: the other label with a flipped sign explains all as well."""
    draws = np.random.default_rng(label)
    weight, bias, h = draws.normal(size=(classes, 5)), draws.normal(size=classes), draws.normal(size=5)
    logits = weight @ h + bias
    k = np.exp(logits) / np.exp(logits).sum() - np.eye(classes)[label]
    scale = fit(Layer(weight, bias, factor * np.outer(k, h), factor * k), "cross_entropy")
    assert scale.factor == pytest.approx(found, rel=1e-9) and scale.label == label and scale.misfit < 1e-9


def test_the_likely_reason_of_a_factor_is_said(tmp_path):
    net = network("lenet")
    true, sgd = gradient(net), {"client": {"kind": "fedavg", "learning_rate": RATE}}
    norm = sum(float(np.square(v).sum()) for v in true.values()) ** 0.5
    bound = 0.25
    assert norm > 2 * bound
    clipped = {k: v * np.float32(bound / norm) for k, v in true.items()}
    assert "as its norm is 0.25: try --defense clipping:norm=0.25" in said(asked(tmp_path, net, clipped))
    step = {k: -np.float32(RATE) * v for k, v in clipped.items()}
    assert "as its norm is 0.25: try client.clip_norm=0.25" in said(asked(tmp_path, net, step, **sgd))
    for scale in (128.0, 0.5):
        words = said(asked(tmp_path, net, {k: np.float32(scale) * v for k, v in true.items()}))
        assert f"a loss scale of {scale:g} fits (client.loss_scale={scale:g})" in words
    assert "loss_scale=1024" in said(
        asked(tmp_path, net, {k: np.float32(-1024 * RATE) * v for k, v in true.items()}, **sgd)
    )
    words = said(asked(tmp_path, net, {k: np.float32(0.03) * v for k, v in true.items()}))
    assert "before minus after by a learning rate of 0.03" in words
    # A learning rate of 0.1 in place of 0.05 is the likelier of the two; 0.77 has no reason that stands out.
    words = said(asked(tmp_path, net, {k: np.float32(-2 * RATE) * v for k, v in true.items()}, **sgd))
    assert "a learning rate of 0.1 in place of 0.05" in words and "loss scale" not in words
    assert said(asked(tmp_path, net, {k: np.float32(0.77) * v for k, v in true.items()})).endswith("by that factor")
    plain = network("no bias")
    batch = {k: 4 * v for k, v in gradient(plain, count=4).items()}
    assert "a sum over the 4 pictures fits (client.reduction=sum)" in said(
        asked(tmp_path, plain, batch, recorded={"images": 4})
    )


@pytest.mark.parametrize(
    ("norm", "shorter", "bound"),
    [
        (0.5, 0, 0.5),
        (0.4999, 0.03, 0.5),
        (0.49, 0.03, 0.5),
        (0.47, 0.03, None),
        (1.0, 0, 1.0),
        (9.99, 0.03, 10.0),
        (0.37, 0, None),
    ],
)
def test_a_bound_is_a_round_number(norm, shorter, bound):
    assert round_bound(norm, shorter) == bound


def test_a_rough_factor_names_no_reason():
    assert reasons(Shown(0.34, 0.45, 3.7, True, 1, 0.03)) == []
    assert reasons(Shown(0.25, 0.45, 3.7, True, 1, 0.03))[0].startswith("a loss scale of 0.25")
