"""Accuracy under a defense: the server's step by its formula, the same round as the attacked one, and jobs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gi_core.clients import Update
from gi_core.experiments import utility
from gi_core.experiments.execute import Stopped
from gi_core.experiments.federation import server
from gi_core.experiments.federation.dataset import shards
from gi_core.experiments.federation.rounds import Carried, Simulation
from gi_core.experiments.setup import Questions
from gi_core.jobs.store import Store
from gi_core.settings import Experiment, SpecError, build
from gi_core.settings.accounting import epsilon
from gi_core.settings.client import FedAvg
from gi_core.settings.federation import Federation, build_federation
from gi_core.settings.federation_checks import federation_problems
from gi_core.settings.utility import HELD, Training, federation_of
from gi_core.workers.worker import Worker

torch.set_num_threads(1)
CPU = torch.device("cpu")
SMALL = {"data": "faces", "clients": 3, "pictures": 20, "rounds": 12, "batch_size": 8, "seeds": (0, 1)}


def experiment(*defenses: dict, **changes) -> Experiment:
    document = {
        "samples": ["bundled/faces:1"], "size": 12, "device": "cpu", "defenses": list(defenses),
        "model": {"kind": "lenet", "activation": "tanh", "width": 4, "init": "kaiming"},
    }  # fmt: skip
    return build(document | changes)


def training(*defenses: dict, seed: int = 0, **changes) -> Federation:
    return federation_of(experiment(*defenses), Training(**SMALL | changes), seed)


def test_the_server_steps_with_momentum_by_the_formula_on_gradients_and_changes():
    model = torch.nn.Linear(2, 1)
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    g = {name: torch.full_like(p, 0.5) for name, p in model.named_parameters()}
    velocity: dict = {}
    moved = server.aggregate(model, [Update(g, 3)], 0.1, 0.9, velocity)
    moved = server.aggregate(moved, [Update(g, 3)], 0.1, 0.9, velocity)
    for name, p in moved.named_parameters():  # v = -0.5, then -0.95
        assert torch.allclose(p, start[name] - 0.1 * (0.5 + 0.95), atol=1e-7), name
    changed = server.aggregate(model, [Update({k: -v for k, v in g.items()}, 3, "weight_change")], 0.1)
    for name, p in changed.named_parameters():
        assert torch.allclose(p, start[name] - 0.05, atol=1e-7), name


def test_a_client_of_gradients_draws_a_batch_of_its_own_pictures_anew_in_each_round():
    simulation = Simulation(training(), shards(training()), CPU)
    own, first, second = simulation.shards.clients[0], simulation.pictures(0, 1), simulation.pictures(0, 2)
    assert len(first.labels) == len(second.labels) == 8 and not np.array_equal(first.images, second.images)
    assert np.array_equal(first.images, simulation.pictures(0, 1).images)
    known = {picture.tobytes() for picture in own.images}
    assert all(picture.tobytes() in known for picture in first.images)
    played = simulation.play(1, simulation.start, carried=Carried())
    assert {update.kind for update in played.sent.values()} == {"gradient"}


def test_the_training_takes_the_attacked_clients_steps_at_its_rate():
    client = {"kind": "fedavg", "epochs": 3, "batch_size": 2, "learning_rate": 0.05, "momentum": 0.5}
    asked = experiment(samples=[f"bundled/faces:{i}" for i in range(4)], client=client)
    trained = federation_of(asked, Training(**SMALL), 0)
    assert trained.client.local_steps(20) == (2 * 3, 2) == FedAvg(**client).local_steps(4), "as many, on more pictures"
    assert (trained.client.learning_rate, trained.client.momentum, trained.server_rate) == (0.05, 0.5, 1.0)
    many = experiment(samples=[f"bundled/faces:{i}" for i in range(6)], client=client | {"clients": 3})
    assert federation_of(many, Training(**SMALL), 0).client.clients == 1, "a federation has clients of its own"


def test_networks_learn_and_strong_noise_keeps_them_from_it(tmp_path):
    told: list[float] = []
    plain = utility.answer(
        training(rounds=30, server_rate=0.05), tmp_path, lambda fraction, text, found: told.append(fraction)
    )
    assert plain["accuracy"] > 0.75 > 0.6 > plain["chance"] and plain["status"] == "done" and plain["note"] is None
    assert len(plain["curve"]) == 31 and told == sorted(told) and (tmp_path / "result.json").exists()
    assert plain["accuracy"] == pytest.approx(np.mean(plain["curve"][-3:]))
    assert plain["test_pictures"] == 20 + 120, "those that nobody was dealt are tested on too"
    noisy = utility.answer(training({"kind": "gaussian_noise", "std": 30.0}, rounds=30, server_rate=0.05), tmp_path)
    assert noisy["accuracy"] < 0.7 < plain["accuracy"]


def test_equal_trainings_are_equal_and_seeds_differ(tmp_path):
    again = [utility.answer(training(seed=s), tmp_path)["curve"] for s in (0, 0, 1)]
    assert again[0] == again[1] != again[2]
    assert training(seed=0).key() == training(seed=0).key() != training(seed=1).key()
    noise = {"kind": "gaussian_noise", "std": 0.0}
    assert utility.answer(training(noise), tmp_path)["curve"] == again[0], "no noise is no defense"


def test_divergence_is_an_answer_at_chance_with_a_note(tmp_path):
    noisy = experiment({"kind": "gaussian_noise", "std": 1000.0}, model={"kind": "lenet", "activation": "relu"})
    found = utility.answer(federation_of(noisy, Training(**SMALL | {"server_rate": 10.0}), 0), tmp_path)
    assert found["status"] == "done" and found["accuracy"] == found["chance"] and "finite" in found["note"]


def test_dp_sgd_tells_the_promise_of_the_whole_training(tmp_path):
    defense = {"kind": "dp_sgd", "noise_multiplier": 1.0, "clip": 1.0, "delta": 1e-3}
    found = utility.answer(training(defense, rounds=5), tmp_path)
    assert found["epsilon"] == pytest.approx(epsilon(1.0, 8 / 20, 5, 1e-3)) and "5 steps" in found["promise"]
    silent = utility.answer(training(defense | {"noise_multiplier": 0.0}, rounds=2), tmp_path)
    assert silent["epsilon"] is None and "No differential privacy" in silent["promise"]


def test_what_a_client_remembers_goes_into_its_next_round():
    asked = training({"kind": "top_k", "kept": 0.1})
    simulation, carried = Simulation(asked, shards(asked), CPU), Carried()
    after = simulation.play(1, simulation.start, carried=carried).after
    kept = {client: memory[0]["conv1.weight"].norm() for client, memory in carried.memories.items()}
    assert len(kept) == 3 and all(value > 0 for value in kept.values())
    remembering = simulation.play(2, after, carried=carried).sent[0].tensors
    forgetful = simulation.play(2, after, carried=Carried()).sent[0].tensors
    assert any(not torch.equal(remembering[name], forgetful[name]) for name in remembering)


def test_single_gradients_are_for_measuring_accuracy_only():
    document = training().model_dump(mode="json")
    assert not [p for p in federation_problems(training()) if p.fatal]
    attacked = build_federation(document | {"attack": {"kind": "dlg"}})
    assert any("set attack to null" in p.reason for p in federation_problems(attacked) if p.fatal)
    with pytest.raises(SpecError, match="set attack to null"):
        utility.answer(attacked, None)


def test_a_worker_does_it_once_for_equal_questions_and_stops_when_asked(gi_home, tmp_path):
    store, asked = Store(), training(rounds=4)
    number = store.submit("utility", asked.model_dump(mode="json"), lane="batch", cache_key=asked.key())
    worker = Worker(store, "batch")
    worker.questions = Questions()
    worker.do(worker.writer.claim("batch"))
    job = store.job(number)
    assert job.state == "done" and 0 <= job.result["accuracy"] <= 1 and math.isfinite(job.result["loss"])
    assert store.submit("utility", asked.model_dump(mode="json"), lane="batch", cache_key=asked.key()) == number

    def stop(fraction, text, found):
        if fraction > 0.4:
            raise Stopped("cancel")

    with pytest.raises(Stopped):
        utility.answer(asked, tmp_path, stop)


@pytest.mark.parametrize("name", HELD)
def test_the_bundled_sets_hold_what_is_said_of_them(name):
    from gi_core.data import training_set

    sample = "bundled/faces:0" if name == "faces" else "bundled/astronaut"
    assert len(training_set(name, build({"samples": [sample], "size": 8, "channels": 1}))[1]) == HELD[name]
