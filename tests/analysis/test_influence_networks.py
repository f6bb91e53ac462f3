"""The Jacobian of networks that are hard to differentiate twice, and the defense that is made from it."""

from __future__ import annotations

import pytest
import torch

from gi_core import attacks, clients, data, defenses
from gi_core.analysis.influence.predict import describe, know
from gi_core.clients.round import normalised
from gi_core.experiments import preparing
from gi_core.numerics.picture_jacobian import Sample
from gi_core.settings import SpecError
from tests.victims import PLAN, advance, experiment

torch.set_num_threads(1)
SMOOTH = {"kind": "lenet", "width": 3, "init": "uniform", "seed": 1}
STRENGTH = 1e-4


def played(asked):
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    return clients.play(asked, model, pictures, "cpu"), pictures


def sample(asked) -> Sample:
    done, pictures = played(asked)
    return Sample(done.knowledge, normalised(pictures, torch.device("cpu")), done.labels)


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "vit", "hidden": 8, "heads": 2, "depth": 1},
        pytest.param({"kind": "resnet18", "stem": "cifar"}, marks=pytest.mark.slow),
        {"kind": "convnet", "width": 2},
        {"kind": "lenet", "width": 2, "activation": "gelu"},
    ],
    ids=("vit", "resnet18", "convnet", "lenet"),
)
def test_the_largest_eigenvalue_is_a_bound_that_is_reached(model):
    one = sample(experiment(model=model, size=32 if model["kind"] == "resnet18" else 12, channels=3))
    top = one.largest()
    v = torch.randn(one.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for _ in range(4):  # power iteration comes from below
        v = one.products.jjt(v / v.norm())
    assert one.dtype == torch.float64 and 0 < 0.3 * top < float(v.norm()) <= top * (1 + 1e-4)


def test_dropout_that_is_on_is_refused():
    done, pictures = played(experiment())
    done.knowledge.model.add_module("dropout", torch.nn.Dropout(0.5).train())
    x = normalised(pictures, torch.device("cpu"))
    with pytest.raises(SpecError, match="dropout is on"):
        Sample(done.knowledge, x, done.labels)
    done.knowledge.model.eval()
    assert Sample(done.knowledge, x, done.labels).largest() > 0


# -- the protective direction


def _asked(**changes):
    return experiment(model=SMOOTH, attack={"kind": "levenberg_marquardt", "labels": "known", "restarts": 0}, **changes)


def _protective(**changes):
    return _asked(defenses=[{"kind": "protective_direction", "strength": STRENGTH}], **changes)


def _errors(asked) -> tuple[float, float, float]:
    """Size of what the defense added, predicted RMSE, and what Levenberg-Marquardt measures, unclamped."""
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    known = know(asked, model, pictures, 0, torch.device("cpu"))
    done = known.round
    built = attacks.make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu")
    state, _ = advance(built, built.init(0), 60)
    found, _ = built.answer(state)
    measured = float(((found.double() - torch.from_numpy(pictures.images).double()) ** 2).mean()) ** 0.5
    size = defenses.effect(done.clean, done.update)["relative_change"] * done.clean.norm()
    return size, describe(known, None, None)["predicted_rmse"], measured


def test_it_hurts_far_more_than_noise_of_its_size(gi_home):
    size, predicted, measured = _errors(_protective())
    clean = played(_asked())[0].clean
    std = size / sum(t.numel() for t in clean.tensors.values()) ** 0.5
    noise, noise_predicted, noise_measured = _errors(_asked(defenses=[{"kind": "gaussian_noise", "std": std}]))
    assert size == pytest.approx(STRENGTH * clean.norm(), rel=1e-2) and noise == pytest.approx(size, rel=0.1)
    assert predicted > 5 * noise_predicted and measured > 5 * noise_measured
    assert measured == pytest.approx(predicted, rel=0.15) and noise_measured == pytest.approx(noise_predicted, rel=0.15)


def test_it_is_the_same_for_the_same_seed_and_follows_the_loss(gi_home):
    first, again, other = (played(_protective(**c))[0].update for c in ({}, {}, {"client": {"loss": "mse"}}))
    assert all(torch.equal(first.tensors[k], again.tensors[k]) for k in first.tensors)
    clean = played(_asked(client={"loss": "mse"}))[0].clean
    assert defenses.effect(clean, other)["relative_change"] == pytest.approx(STRENGTH, rel=1e-2)


def test_strength_zero_is_no_defense(gi_home):
    none = played(_asked())[0].update
    zero = played(_asked(defenses=[{"kind": "protective_direction", "strength": 0}]))[0].update
    assert all(torch.equal(none.tensors[k], zero.tensors[k]) for k in none.tensors)


def test_it_is_refused_where_batch_norm_takes_the_statistics_of_the_batch():
    asked = _protective(size=12, client={"batch_norm": "train"})
    asked = asked.model_copy(update={"model": experiment(model={"kind": "convnet", "width": 2}).model})
    with pytest.raises(SpecError, match="batch_norm=eval") as refused:
        played(asked)
    assert "\n" not in str(refused.value)
