"""DP-SGD: each picture's gradient is clipped as a loop would, noise is seeded, and epsilon is the library's own."""

from __future__ import annotations

import math
import subprocess
import sys

import dp_accounting
import pytest
import torch
from dp_accounting import rdp
from torch.func import functional_call, grad, vmap

from gi_core import data, networks
from gi_core.clients import play
from gi_core.clients.round import normalised
from gi_core.settings import accounting, problems
from gi_core.settings.client import FedAvg, FedSgd
from gi_core.settings.federation import Federation
from gi_core.settings.privacy_defenses import DpSgd
from tests.victims import experiment

torch.set_num_threads(1)
FACES = ["bundled/faces:0", "bundled/faces:150", "bundled/faces:7"]


def played(client: dict | None = None, seed: int = 0, samples=FACES, **dp):
    asked = experiment(
        samples=samples, client=client or {"kind": "fedsgd"}, defenses=[{"kind": "dp_sgd", **dp}], seed=seed,
        attack={"kind": "inverting_gradients", "labels": "auto"},
    )  # fmt: skip
    pictures = data.load(asked)
    model = networks.build(asked.model, pictures.images.shape[1:], pictures.classes)
    return play(asked, model, pictures, "cpu"), asked, model, pictures


def flat(tensors) -> torch.Tensor:
    return torch.cat([t.flatten() for t in tensors.values()])


@pytest.mark.parametrize("clip", [0.01, 1.0, 1e6])
def test_each_picture_is_clipped_by_itself(clip):
    done, asked, model, pictures = played(noise_multiplier=0, clip=clip)
    model = model.eval()
    parameters = {k: p.detach() for k, p in model.named_parameters()}

    def loss(theta, x, y):
        return torch.nn.functional.cross_entropy(functional_call(model, theta, (x[None],)), y[None])

    x, y = normalised(pictures, torch.device("cpu")), torch.tensor(pictures.labels)
    every = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    rows = torch.cat([g.flatten(1) for g in every.values()], 1)
    expected = (rows * (clip / rows.norm(dim=1).clamp(min=clip))[:, None]).mean(0)
    torch.testing.assert_close(flat(done.update.tensors), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("client", [{"kind": "fedsgd"}, {"kind": "fedavg", "epochs": 2, "batch_size": 2}])
def test_without_noise_and_a_high_bound_it_is_no_defense(client):
    done, *_ = played(client, noise_multiplier=0, clip=1e6)
    torch.testing.assert_close(flat(done.update.tensors), flat(done.clean.tensors), rtol=1e-4, atol=1e-7)
    one, *_ = played({"kind": "fedsgd"}, samples=FACES[:1], noise_multiplier=0, clip=1e6)
    assert torch.equal(flat(one.update.tensors), flat(one.clean.tensors))


@pytest.mark.parametrize("client", [{"kind": "fedsgd"}, {"kind": "fedavg", "batch_size": 2, "learning_rate": 0.5}])
def test_noise_has_the_size_that_is_told_and_the_seed_decides_it(client):
    done, *_ = played(client, noise_multiplier=10.0, clip=0.1)
    again, *_ = played(client, noise_multiplier=10.0, clip=0.1)
    other, *_ = played(client, seed=1, noise_multiplier=10.0, clip=0.1)
    assert torch.equal(flat(done.update.tensors), flat(again.update.tensors))
    assert not torch.equal(flat(done.update.tensors), flat(other.update.tensors))
    silent, *_ = played(client, noise_multiplier=0.0, clip=0.1)
    spread = float((flat(done.update.tensors) - flat(silent.update.tensors)).std())
    known = done.knowledge.defenses[0]
    assert known["clip"] == 0.1
    expected = 10 * 0.1 / 3 if client["kind"] == "fedsgd" else 0.5 * (0.5**2 + 1.0) ** 0.5
    assert known["sigma"] == pytest.approx(expected)
    assert spread == pytest.approx(known["sigma"], rel=0.1)


@pytest.mark.parametrize(
    ("z", "rate", "steps", "delta"), [(1.0, 1.0, 1, 1e-5), (1.1, 0.01, 1000, 1e-5), (2.0, 0.25, 40, 1e-6)]
)
def test_epsilon_is_the_librarys_own(z, rate, steps, delta):
    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(z))
    own = rdp.RdpAccountant().compose(dp_accounting.SelfComposedDpEvent(event, steps)).get_epsilon(delta)
    assert accounting.epsilon(z, rate, steps, delta) == pytest.approx(own, rel=1e-9)


def test_epsilon_grows_with_steps_and_rate_and_falls_with_noise():
    assert accounting.epsilon(0.0, 1.0, 1, 1e-5) == math.inf
    assert accounting.epsilon(1.0, 0.1, 20, 1e-5) > accounting.epsilon(1.0, 0.1, 10, 1e-5)
    assert accounting.epsilon(1.0, 0.2, 10, 1e-5) > accounting.epsilon(1.0, 0.1, 10, 1e-5)
    assert accounting.epsilon(2.0, 0.1, 10, 1e-5) < accounting.epsilon(1.0, 0.1, 10, 1e-5)


def test_steps_and_rate_are_those_of_the_client():
    one = accounting.of_round(DpSgd(), FedSgd(), pictures=4)
    assert (one.rate, one.steps) == (1.0, 1) and "1 step of all records" in one.sentence()
    many = accounting.of_round(DpSgd(records=100, rounds=3), FedAvg(epochs=2, batch_size=5), pictures=20)
    assert (many.rate, many.steps) == (0.05, 24) and "24 steps" in many.sentence() and "5 %" in many.sentence()
    assert accounting.of_round(DpSgd(records=2), FedSgd(), pictures=4).rate == 1.0
    assert accounting.of_round(DpSgd(), FedAvg(clients=2), pictures=4).rate == 1.0
    nothing = accounting.of_round(DpSgd(noise_multiplier=0), FedSgd(), pictures=1)
    assert nothing.numbers()["epsilon"] is None and nothing.sentence().startswith("No differential privacy")
    asked = Federation(pictures=(40, 20), clients=2, rounds=7, defenses=(DpSgd(),), client=FedAvg(batch_size=5))
    found = accounting.of_federation(asked)
    assert (found.rate, found.steps) == (0.25, 28)
    one = accounting.of_federation(asked.model_copy(update={"client": FedSgd(), "batch": 4}))
    assert (one.rate, one.steps) == (0.2, 7)


def test_the_round_tells_its_epsilon():
    done, asked, *_ = played(noise_multiplier=2.0)
    (effect,) = done.effects
    assert (
        effect["kind"] == "dp_sgd"
        and effect["epsilon"] == accounting.of_round(asked.defenses[0], asked.client, asked.pictures).epsilon
    )
    assert effect["norm_before"] == pytest.approx(done.clean.norm()) and "promise" in effect


def test_batch_norm_that_mixes_pictures_is_refused():
    asked = experiment(
        samples=FACES, model={"kind": "convnet", "width": 2}, client={"kind": "fedsgd", "batch_norm": "train"},
        defenses=[{"kind": "dp_sgd"}], attack={"kind": "inverting_gradients"},
    )  # fmt: skip
    assert any(p.fatal and "mixes pictures" in p.reason and "model.norm=group" in p.reason for p in problems(asked))
    grouped = asked.model_copy(update={"model": asked.model.model_copy(update={"norm": "group"})})
    assert not any(p.fatal and p.field == "client.batch_norm" for p in problems(grouped))


def test_the_accountant_needs_no_torch():
    code = "import sys; from gi_core.settings import accounting; accounting.epsilon(1.0, 0.5, 2, 1e-5); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
