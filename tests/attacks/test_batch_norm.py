"""Statistics of batch norm: recovered exactly from what was shared, and matched where they are right."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gi_core.attacks.batch_norm import revealed
from gi_core.clients.round import normalised
from gi_core.networks.trainable import client_model
from gi_core.settings import build
from tests.attacks.rounds_helpers import CPU, FACES, ask, play, problem

torch.set_num_threads(1)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_statistics_of_every_step_are_recovered_exactly(steps):
    """(r_T - (1 - m)^T r_0) / (1 - (1 - m)^T), T by the counter, equals the weighted mean of the batches' own."""
    done, pictures = play(ask(1, batch_norm="train", statistics="shared", epochs=steps))
    assert revealed.steps_taken(done.update, done.knowledge.model) == steps
    target = revealed.recovered(done.update, done.knowledge)
    model = client_model(done.knowledge.model, "train")
    watch, optimiser = revealed.Watch(model), torch.optim.SGD(model.parameters(), 1e-2)
    x, labels, seen = normalised(pictures, CPU), torch.tensor(pictures.labels), []
    for _ in range(steps):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x), labels).backward()
        optimiser.step()
        seen.append(watch.taken(x).detach().double())
    weights = [0.1 * 0.9 ** (steps - 1 - t) for t in range(steps)]
    mean = sum(w * s for w, s in zip(weights, seen, strict=True)) / sum(weights)
    torch.testing.assert_close(target.values, mean, rtol=1e-4, atol=1e-6)


def test_the_released_formula_is_wrong_for_two_steps():
    """One step's formula on two steps' statistics misses them by far: what the counter is read for."""
    done, _ = play(ask(1, batch_norm="train", statistics="shared", epochs=2))
    right = revealed.recovered(done.update, done.knowledge)
    held = {k: v for k, v in done.update.statistics.items() if not k.endswith("num_batches_tracked")}
    blind = replace(done.knowledge, schedule=replace(done.knowledge.schedule, steps=1))
    wrong = revealed.recovered(replace(done.update, statistics=held), blind)
    assert float((wrong.values - right.values).norm() / right.values.norm()) > 0.1


def test_statistics_are_shared_only_where_asked():
    assert play(ask(1, batch_norm="train"))[0].update.statistics is None
    assert play(ask(1, batch_norm="eval", statistics="shared"))[0].update.statistics is None
    shared = play(ask(1, batch_norm="train", statistics="shared"))[0].update.statistics
    assert sum(k.endswith("running_var") for k in shared) == 3
    gradient = play(
        ask(1).model_copy(update={"client": build({"client": {"batch_norm": "train", "statistics": "shared"}}).client})
    )
    assert gradient[0].update.kind == "gradient" and len(gradient[0].update.statistics) == 9


def test_batch_norm_loss_is_zero_at_the_true_picture_only_where_it_is_right():
    """Global network and unbiased variance: below 1e-3. The released choice (updated, biased): not zero."""
    found = {}
    for name, more in {
        "ours": {}, "released": {"batch_norm_network": "updated", "batch_norm_variance": "biased"},
    }.items():  # fmt: skip
        attack = {
            "kind": "fl_gradient_inversion",
            "batch_norm_distance": "norms",
            "start": "prior",
            "prior": FACES[0],
            **more,
        }
        built, z = problem(ask(1, attack, batch_norm="train", statistics="shared", learning_rate=0.1))
        found[name] = float(built.evaluate(z)[1]["batch_norm"])
    assert found["ours"] < 1e-3 < 0.05 < found["released"]
