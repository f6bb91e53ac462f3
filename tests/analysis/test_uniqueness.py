"""Unique or not: planted null spaces are found, what is determined is called so, and the error expected is the one measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gi_core.analysis import twins, uniqueness
from gi_core.attacks.seen_by_server import seen_of
from gi_core.experiments import certainty, setup
from gi_core.numerics import rounded_fit, rounding
from gi_core.numerics.shown import Shown
from gi_core.numerics.spectrum import PRIOR
from gi_core.settings import build


def _question(**more):
    asked = {
        "samples": ["bundled/faces:0"], "size": 12, "model": {"kind": "lenet", "activation": "tanh"},
        "attack": {"kind": "levenberg_marquardt"},
    }  # fmt: skip
    return setup.ask(build(asked | more), torch.device("cpu"), lambda *_: None)


def _right(question):
    return torch.from_numpy(question.pictures.images).double()


@pytest.mark.parametrize("free", [0, 1, 7, 15])
def test_planted_directions_are_counted_and_returned(free):
    draw = np.random.default_rng(free)
    vectors = np.linalg.qr(draw.normal(size=(16, 16)))[0]
    values = np.sort(np.concatenate([np.full(free, 1e-18), draw.uniform(0.1, 1, 16 - free)]))
    found = uniqueness.of_values(values, vectors, (1.0,), (1, 1, 4, 4), 1e-6)
    assert found.free == free and found.null.shape == (free, 16)
    assert np.allclose(np.abs(found.null @ vectors[:, :free]) @ np.ones(free), np.abs(np.eye(free)) @ np.ones(free))
    assert found.expected_error == pytest.approx(PRIOR * (free / 16) ** 0.5, rel=1e-3, abs=1e-5)


def test_noise_makes_a_direction_free_where_it_says_less_than_guessing():
    values, vectors = np.array([1e-8, 1e-2]), np.eye(2)
    assert uniqueness.of_values(values, vectors, (1.0,), (1, 1, 1, 2), 1e-6).free == 0
    assert uniqueness.of_values(values, vectors, (1.0,), (1, 1, 1, 2), 1e-3).free == 1
    assert (
        uniqueness.of_values(values, vectors, (2.0,), (1, 1, 1, 2), 2e-5).free == 1
    )  # in pixels, not in the network's units


def test_the_answer_itself_is_matched_and_unique_or_not(tmp_path):
    narrow, wide = _question(model={"kind": "lenet", "width": 1, "activation": "tanh"}), _question()
    said = certainty.of(wide, _right(wide), wide.round.labels, tmp_path)
    assert said["unique"] and said["free_directions"] == 0 and said["sentence"].startswith("Matched, and unique")
    said = certainty.of(narrow, _right(narrow), narrow.round.labels, tmp_path)
    assert said["unique"] is False and 0 < said["free_directions"] < said["directions"] == 144
    assert said["sentence"].startswith("Matched, not unique") and said["error_to_expect"] > 0.05
    assert (
        (tmp_path / said["twin"]["file"]).is_file() and said["twin"]["residual"] < 1e-6 and said["twin"]["apart"] > 0.1
    )


def test_a_step_along_a_free_direction_changes_nothing_that_is_sent():
    question = _question(model={"kind": "lenet", "width": 1, "activation": "tanh"})
    knowledge, answer = question.round.knowledge, _right(question)
    mean, std = knowledge.mean[0], knowledge.std[0]
    found = uniqueness.examine(knowledge, (answer - mean) / std, question.round.labels, 2.0**-24)
    along = answer + 1e-3 * std * torch.from_numpy(found.null[0]).view_as(answer)
    across = answer + 1e-3 * std * torch.ones(1, 1, 12, 12, dtype=torch.float64) / 12
    flat, steep = (
        certainty.explaining.residual(question.round.update, knowledge, x, question.round.labels)[0]
        for x in (along, across)
    )
    assert flat < 1e-6 and steep > 10 * flat


@pytest.mark.parametrize("seed", range(3))
def test_the_error_to_expect_is_what_the_rounding_of_this_gradient_leaves(seed):
    """Below 1e-5 per pixel rounding is not independent noise: by that formula these are off by up to four."""
    question = _question(size=10, model={"kind": "lenet", "width": 6, "activation": "sigmoid", "seed": seed})
    knowledge = question.round.knowledge
    x = (_right(question) - knowledge.mean[0]) / knowledge.std[0]
    expected = uniqueness.examine(knowledge, x, question.round.labels, 2.0**-24).expected_error
    shown = uniqueness.look(knowledge, x, question.round.labels)
    lost = [sent.double() - g for sent, g in zip(question.round.update.tensors.values(), shown.value, strict=True)]
    fine = rounded_fit.weighed(shown, rounding.differences(shown.sample))
    over = [g * k for g, k in zip(lost, fine.kept, strict=True)]
    moved = np.linalg.solve(fine.gram(), fine.pull(over).numpy())
    assert expected == pytest.approx(float((moved**2).mean() ** 0.5), rel=0.5)


def test_what_is_not_matched_is_called_so(tmp_path):
    question = _question()
    said = certainty.of(question, torch.full((1, 1, 12, 12), 0.5, dtype=torch.float64), question.round.labels, tmp_path)
    assert said["unique"] is None and said["sentence"].startswith("Not matched")


def test_what_is_not_examined_says_why(tmp_path, monkeypatch):
    question = _question()
    monkeypatch.setattr(uniqueness, "BUDGET", 1e-3)
    said = certainty.of(question, _right(question), question.round.labels, tmp_path)
    assert said["unique"] is None and said["examined"] is None and "a first look would take" in said["sentence"]


def test_several_local_steps_are_examined(tmp_path):
    """Two steps show more than one: the directions are those of the whole round."""
    asked = {"size": 8, "model": {"kind": "lenet", "width": 1, "activation": "tanh"}}
    one, two = _question(**asked), _question(**asked, client={"kind": "fedavg", "epochs": 2})
    free = []
    for question in (one, two):
        client, seen = seen_of(question.round.update, question.round.knowledge)
        x = (_right(question) - client.mean[0]) / client.std[0]
        free.append(uniqueness.examine(client, x, question.round.labels, 2.0**-24, seen=seen).free)
    assert seen.gradients == 2 and 0 < free[1] < free[0]


def test_what_was_not_sent_shows_nothing(tmp_path):
    """Without the gradient of all but the last layer a picture that the whole gradient fixes is open."""
    question = _question(size=8)
    update, names = question.round.update, list(question.round.update.tensors)
    head = replace(question.round, update=replace(update, withheld=tuple(names[:-2])))
    said = certainty.of(replace(question, round=head), _right(question), question.round.labels, tmp_path)
    assert said["unique"] is False and said["free_directions"] > 0
    assert certainty.of(question, _right(question), question.round.labels, tmp_path)["unique"]


def test_an_unknown_factor_hides_the_direction_that_only_makes_the_update_longer():
    question = _question(size=8)
    client, _ = seen_of(question.round.update, question.round.knowledge)
    x = (_right(question) - client.mean[0]) / client.std[0]
    shown = uniqueness.look(client, x, question.round.labels, uniqueness.Seen(scaled=True))
    longer = [g.clone() for g in shown.value]
    assert float(shown.pull(longer).norm()) < 1e-9 * float(Shown(shown.sample).pull(longer).norm())


@pytest.mark.parametrize("seed", range(4))
def test_a_network_that_looks_at_less_than_the_picture_has_a_twin(seed):
    """A LeNet of one channel sends fewer values than the picture has: two pictures, one gradient."""
    question = _question(model={"kind": "lenet", "width": 1, "activation": "tanh", "seed": seed})
    knowledge, answer = question.round.knowledge, _right(question)
    mean, std = knowledge.mean[0], knowledge.std[0]
    null = uniqueness.examine(knowledge, (answer - mean) / std, question.round.labels, 2.0**-24).null
    twin = twins.find(knowledge, answer, question.round.labels, null)
    assert twin is not None and twin.apart > 0.1
    left, _ = certainty.explaining.residual(question.round.update, knowledge, twin.picture, question.round.labels)
    assert left < 1e-6
