"""The influence: published values, identities of linear algebra, and what the predictions mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gi_core import clients, data
from gi_core.analysis.influence import keeping, predict
from gi_core.analysis.influence.simulate import direction, simulated
from gi_core.clients.round import normalised
from gi_core.experiments import preparing
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.picture_spectrum import gram, quadrature
from gi_core.numerics.picture_spectrum import spectrum as spectrum_of
from gi_core.numerics.spectrum import PRIOR, Spectrum, lower_bound
from gi_core.settings import SpecError, build
from tests.victims import experiment

PUBLISHED = "lenet", {"layers": 4, "init": "uniform", "seed": 1}
LARGEST = (2.71562, 3.55617, 4.15135, 2.36255, 2.65830)
PRUNED = (0.0130423, 0.0092877, 0.0102527, 0.0118563, 0.0079747)


def known(asked, index=0, seconds=60.0):
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    return predict.know(asked, model, pictures, index, torch.device("cpu"), seconds)


def sample(asked) -> Sample:
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    played = clients.play(asked, model, pictures, "cpu")
    return Sample(played.knowledge, normalised(pictures, torch.device("cpu")), played.labels)


@pytest.mark.parametrize("index", range(5))
def test_published_values_to_four_digits(shared_data, index):
    kind, values = PUBLISHED
    asked = build({
        "samples": [f"folder:{shared_data}/mnist_test:{index:04d}"], "normalise": "mnist", "model": {"kind": kind, **values},
        "defenses": [{"kind": "pruning", "fraction": 0.4, "scope": "global"}],
    })  # fmt: skip
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    played = clients.play(asked, model, pictures, "cpu")
    one = Sample(played.knowledge, normalised(pictures, torch.device("cpu")), played.labels)
    assert one.largest() == pytest.approx(LARGEST[index], rel=1e-4)
    assert float(one.perturbation(played.clean, played.update).norm()) == pytest.approx(PRUNED[index], rel=1e-4)


def test_the_two_products_are_adjoint_and_agree_with_the_gram_matrix():
    one = sample(experiment())
    draw = torch.Generator().manual_seed(0)
    v = [torch.randn(g.shape, generator=draw, dtype=torch.float64) for g in one.products.value]
    b = torch.randn(one.size, generator=draw, dtype=torch.float64)
    left = float(one.products.j(v) @ b)
    right = float(sum((p * q).sum() for p, q in zip(v, one.products.jt(b), strict=True)))
    assert left == pytest.approx(right, rel=1e-10)
    assert np.allclose(gram(one) @ b.numpy(), one.products.jjt(b).numpy())


def test_conjugate_gradients_agree_with_the_spectrum_at_every_damping(gi_home):
    one = sample(experiment())
    spectrum, vectors = spectrum_of(one)
    assert one.largest() == pytest.approx(spectrum.largest, rel=1e-5)
    pushed = torch.randn(one.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for damping in (1.0, 1e-2, 1e-6):
        exact = vectors @ ((vectors.T @ pushed.numpy()) / (spectrum.values + damping * spectrum.largest))
        assert np.allclose(one.influence(pushed, damping).numpy(), exact, rtol=1e-4, atol=1e-6 * np.abs(exact).max())
    undamped = one.influence(pushed)
    assert lower_bound(float(pushed.norm()), spectrum.largest) <= float(undamped.norm())


def test_expected_error_is_the_mean_over_drawn_noise(gi_home):
    one = sample(experiment())
    spectrum, vectors = spectrum_of(one)
    draw, squares = np.random.default_rng(0), []
    for _ in range(2000):  # J delta of white delta has covariance J J^T = U diag(lambda) U^T
        pushed = vectors @ (np.sqrt(spectrum.values) * draw.standard_normal(one.size))
        moved = vectors @ ((vectors.T @ pushed) / np.maximum(spectrum.values, 1e-9 * spectrum.largest))
        squares.append((moved**2).mean())
    assert spectrum.expected(1.0).normalised == pytest.approx(np.mean(squares) ** 0.5, rel=0.05)
    assert spectrum.expected(2e-3).pixels == pytest.approx(2 * spectrum.expected(1e-3).pixels)


def test_noise_for_an_error_is_the_inverse_and_the_prior_only_helps():
    values = np.logspace(-6, 0, 50)
    spectrum = Spectrum(values, np.ones(50), np.ones((1, 50)), (0.3,), True, 1.0, 100)
    for rmse in (1e-3, 0.1, 0.25):
        assert spectrum.expected(spectrum.noise_for(rmse)).pixels == pytest.approx(rmse)
        assert spectrum.expected(spectrum.noise_for_with_prior(rmse)).pixels_with_prior == pytest.approx(rmse)
    errors = spectrum.expected(1.0)
    assert errors.protected and errors.pixels_with_prior <= min(PRIOR, errors.pixels)
    assert spectrum.noise_for_with_prior(PRIOR) == float("inf")


def test_a_direction_hurts_by_one_over_the_root_of_its_eigenvalue(gi_home):
    one = sample(experiment())
    spectrum, vectors = spectrum_of(one)
    u = torch.from_numpy(vectors[:, 5].copy())
    parts = one.products.jt(u)
    size = float(sum((p**2).sum() for p in parts)) ** 0.5
    moved = one.influence(one.products.j([p / size for p in parts]), damping=1e-12)
    assert float(moved.norm()) == pytest.approx(spectrum.directional()[5], rel=1e-3)


def test_quadrature_says_how_far_it_may_be_off(gi_home):
    one = sample(experiment())
    exact, _ = spectrum_of(one)
    rough = quadrature(one, seconds=1.0, each=1.0 / 200)
    true, found = exact.expected(1e-3).pixels, rough.expected(1e-3).pixels
    assert not rough.exact and rough.pixels == one.size
    assert abs(found**2 / true**2 - 1) < 3 * rough.spread + 0.05


def test_a_spectrum_is_kept_and_another_label_asks_again(gi_home):
    asked = experiment()
    first = known(asked)
    again = known(asked)
    assert again.key == first.key and np.array_equal(again.spectrum.values, first.spectrum.values)
    assert known(experiment(labels=[1])).key != first.key
    (gi_home / "spectra" / f"{first.key}.npz").write_bytes(b"torn")
    assert np.allclose(known(asked).spectrum.values, first.spectrum.values)
    assert keeping.read("../../etc/passwd") is None


def test_simulated_error_has_the_predicted_size(gi_home):
    one = known(experiment())
    picture = np.full((1, 8, 8), 0.5)
    sigma = one.spectrum.noise_for(0.1)
    errors = [simulated(one.spectrum, one.places, one.vectors, picture, sigma, s) - picture for s in range(200)]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(0.1, rel=0.1)
    assert direction(one.vectors, 0, (1, 8, 8)).max() <= 1


@pytest.mark.parametrize(
    ("change", "said"),
    [({"client": {"batch_norm": "train"}, "model": {"kind": "convnet", "width": 2}, "size": 12}, "train mode")],
)
def test_what_has_no_influence_is_refused_in_one_sentence(gi_home, change, said):
    with pytest.raises(SpecError, match=said) as refused:
        known(experiment(**change))
    assert "\n" not in str(refused.value)


def test_a_certain_network_is_protected_and_not_infinite(gi_home):
    asked = experiment()
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    with torch.no_grad():
        model.fc.bias[int(pictures.labels[0])] = 40.0
    one = predict.know(asked, model, pictures, 0, torch.device("cpu"))
    said = predict.describe(one, 1e-3, None)
    assert said["protected"] and "protected" in said["words"] and np.isfinite(said["predicted_rmse_with_prior"])


def test_weights_that_are_not_finite_are_refused(gi_home):
    asked = experiment()
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    played = clients.play(asked, model, pictures, "cpu")
    with torch.no_grad():
        played.knowledge.model.fc.weight[0, 0] = float("nan")
    with pytest.raises(SpecError, match="not finite"):
        Sample(replace(played.knowledge), normalised(pictures, torch.device("cpu")), played.labels)


def test_the_second_order_share_grows_with_the_noise_and_says_where_linearity_ends():
    """The next term of the expansion is quadratic in the noise, so its share of the first grows in proportion."""
    one = sample(experiment())
    draws = torch.Generator().manual_seed(0)
    pushed = one.products.j([torch.randn(g.shape, generator=draws, dtype=g.dtype) for g in one.products.value])
    shares = []
    for scale in (1e-5, 2e-5):
        moved = one.influence(scale * pushed)
        shares.append(one.second_order(moved, 1e-9 * one.largest()))
    assert 0 < shares[0] < 1e-2
    assert shares[1] == pytest.approx(2 * shares[0], rel=0.05)
    assert one.second_order(torch.zeros_like(moved), 1e-9) == 0.0
