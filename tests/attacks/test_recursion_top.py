"""The last layer read from its gradient: labels, logits and scales found without being given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from gi_core.attacks import Refused
from gi_core.attacks.recursion import roots
from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.masked import complete
from gi_core.attacks.recursion.top import candidates
from gi_core.networks.losses import LOSSES, as_target

torch.set_num_threads(1)


def _t(loss: str, logit: float, positive: int) -> float:
    """f dL/df by autograd."""
    f = torch.tensor([[logit]], dtype=torch.float64, requires_grad=True)
    LOSSES[loss](f, torch.tensor([[float(positive)]], dtype=torch.float64)).backward()
    return float(f.grad * f.detach())


@given(st.floats(-19, 19).filter(lambda f: abs(f) > 1e-3), st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_logistic_equation_gives_the_logit_back(logit, positive):
    t = _t("logistic", logit, positive)
    found = roots.logistic(t, positive)
    mu = logit if positive else -logit
    assert len(found) == (1 if mu < 0 else 2)
    assert min(abs(f - logit) for f in found) < 1e-6 * max(1, abs(logit))
    for f in found:
        assert _t("logistic", f, positive) == pytest.approx(t, rel=1e-9)
    assert [abs(f) for f in found] == sorted(abs(f) for f in found)


def test_at_and_below_the_turning_point():
    least = _t("logistic", roots.TURN, 1)
    assert least == pytest.approx(-0.27846, abs=1e-5) and roots.TURN == pytest.approx(1.27846, abs=1e-5)
    assert roots.logistic(least - 1e-9, 1) == [] and roots.logistic(0.0, 1) == []
    for f in roots.logistic(least * (1 - 1e-12), 0):
        assert f == pytest.approx(-roots.TURN, abs=1e-4)


@given(st.floats(-5, 5).filter(lambda f: abs(f) > 1e-3), st.integers(0, 1))
@settings(max_examples=40, deadline=None)
def test_the_squared_loss_gives_the_logit_back(logit, positive):
    found = roots.squared(_t("mse", logit, positive), positive)
    assert 1 <= len(found) <= 2 and min(abs(f - logit) for f in found) < 1e-6
    assert roots.squared(-0.2, 1) and not roots.squared(-0.51, 1) and not roots.squared(-0.01, 0)


def _layer(loss: str, outputs: int, label: int, seed: int, bias: bool = False, slope: float | None = None, scale=1.0):
    """A last layer's numbers and the input that they hide."""
    draws = torch.Generator().manual_seed(seed)
    w = torch.randn(outputs, 30, dtype=torch.float64, generator=draws).mul(scale).requires_grad_()
    b = torch.randn(outputs, dtype=torch.float64, generator=draws).requires_grad_()
    x = torch.rand(1, 30, dtype=torch.float64, generator=draws)
    z = F.linear(x, w, b if bias else None)
    logits = z if slope is None else F.leaky_relu(z, slope)
    LOSSES[loss](logits, as_target(torch.tensor([label]), outputs, w)).backward()
    wide = np.zeros(outputs)
    last = Numbers(
        w.detach().numpy(), b.detach().numpy() if bias else wide, w.grad.numpy(),
        b.grad.numpy() if bias else None, np.ones(outputs, bool),
    )  # fmt: skip
    return last, x[0].numpy(), float(z[0, 0].detach())


def _error(found, x) -> float:
    return float(np.linalg.norm(found.x - x) / np.linalg.norm(x))


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("outputs", [2, 3, 10])
def test_several_outputs_tell_label_and_scale(loss, bias, outputs):
    for seed in range(6):
        label = seed % outputs
        last, x, _ = _layer(loss, outputs, label, seed, bias, scale=0.3)
        found = candidates(last, loss, None, None, "both")
        right = [c for c in found if c.label == label and _error(c, x) < 1e-6]
        assert right, (seed, [(c.label, _error(c, x)) for c in found])
        if bias or outputs > 2:  # softmax of two classes without a bias is one logit: two scales may fit
            assert found[0] is right[0]


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("loss", ["logistic", "mse"])
def test_one_logit_is_among_the_candidates_and_alone_with_a_bias(loss, positive):
    for seed in range(6):
        last, x, _ = _layer(loss, 1, positive, seed, scale=0.3)
        found = candidates(last, loss, None, None, "both")
        assert min(_error(c, x) for c in found if c.label == positive) < 1e-6
        known = candidates(last, loss, None, positive, "both")
        assert {c.label for c in known} == {positive} and len(known) <= 2
        (only,) = candidates(_layer(loss, 1, positive, seed, True)[0], loss, None, None, "both")
        assert only.label == positive and _error(only, x) < 1e-9


def test_the_root_that_is_asked_for():
    last, x, logit = next(found for s in range(20) if (found := _layer("logistic", 1, 1, s, scale=0.3))[2] > 0.2)
    both = candidates(last, "logistic", None, 1, "both")
    (small,), (large,) = (candidates(last, "logistic", None, 1, root) for root in ("small", "large"))
    assert [c.words for c in both] == [small.words, large.words] and "smaller root" in small.words
    assert np.linalg.norm(small.x) < np.linalg.norm(large.x)
    assert min(_error(small, x), _error(large, x)) < 1e-6


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("correct", [True, False])
def test_a_leaky_relu_after_the_logit_is_differentiated_too(sign, correct):
    """Without s'(z) a picture of a negative logit comes out 0.2 times too dark."""
    seed = next(s for s in range(50) if np.sign(_layer("logistic", 1, 1, s, slope=0.2, scale=0.1)[2]) == sign)
    label = int((sign > 0) == correct)
    last, x, logit = _layer("logistic", 1, label, seed, slope=0.2, scale=0.1)
    errors = [_error(c, x) for c in candidates(last, "logistic", 0.2, label, "both")]
    assert np.sign(logit) == sign and min(errors) < 1e-9
    plain = [_error(c, x) for c in candidates(last, "logistic", None, label, "both")]
    assert (min(plain) < 1e-9) == (sign > 0) and (sign > 0 or min(abs(e - 0.8) for e in plain) < 1e-6)


def test_refused_where_nothing_fits():
    last, _, _ = _layer("logistic", 1, 1, 0)
    towards = last.weight / np.sum(last.weight**2)
    impossible = Numbers(last.weight, last.bias, -5.0 * towards, None, last.shown)
    with pytest.raises(Refused, match="^no logit fits the last layer's gradient: .*$"):
        candidates(impossible, "logistic", None, None, "both")
    with pytest.raises(Refused, match="gradient is zero"):
        candidates(Numbers(last.weight, last.bias, 0 * last.weight, None, last.shown), "logistic", None, None, "both")


@pytest.mark.parametrize("seed", range(6))
def test_a_confident_network_tells_its_label_too(seed):
    """Probabilities far below rounding have a sign by chance only."""
    last, x, _ = _layer("cross_entropy", 10, seed, seed, scale=20)
    single = Numbers(last.weight, last.bias, last.gradient.astype(np.float32).astype(float), None, last.shown)
    first = candidates(single, "cross_entropy", None, None, "both")[0]
    assert first.label == seed and _error(first, x) < 1e-4


@pytest.mark.parametrize("keep", [0.5, 0.2])
def test_a_dense_gradient_is_completed_from_what_was_kept(keep):
    draws = torch.Generator().manual_seed(1)
    k, x = torch.randn(10, generator=draws).double(), torch.rand(200, generator=draws).double()
    whole, kept = torch.outer(k, x), torch.rand(10, 200, generator=draws) < keep
    done, shown = complete(whole * kept, kept), kept.any(0)
    torch.testing.assert_close(done[:, shown], whole[:, shown], rtol=1e-8, atol=1e-10)
    assert not done[:, ~shown].any()
