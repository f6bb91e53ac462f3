"""Matching that starts from residual recovery: where it applies, where it does not, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gi_core.attacks import make
from gi_core.attacks.recursion import started
from gi_core.attacks.recursion.residual.machine import ResidualMachine
from gi_core.cli import invert, report
from gi_core.cli.parser import parse
from gi_core.common.progress import silent
from gi_core.experiments import estimate
from gi_core.experiments.setup import ask as ask_question
from gi_core.jobs import times
from gi_core.settings import build, parse_component
from gi_core.settings.closed_form_attacks import ResidualRecursion
from tests.attacks.test_residual_runs import small
from tests.attacks.test_residual_train import TRAIN
from tests.experiments.test_recorded import SHARED, about, record, run
from tests.recovery import PLAN, ask, recover

pytestmark = pytest.mark.usefixtures("quick")
FIRST = {"kind": "fl_gradient_inversion", "residual_first": True, "iterations": 6}


@pytest.fixture
def quick(monkeypatch):
    """A recursion of fewer iterations than the default."""
    monkeypatch.setattr(started, "WANTED", ResidualRecursion(annealing=20, rounds=1))


def test_it_starts_from_the_recovered_picture_and_keeps_it_unless_matching_fits_better():
    """From one checkpoint to the next, as from beginning to end."""
    found = recover(ask(small(), FIRST, size=12, client=TRAIN), saved=True)
    start = found.attack.started(found.state)
    assert start["used"] and "up to rounding" in start["note"] and start["after"] <= start["misfit"] < start["usual"]
    assert found.psnr[0] > 50 and len(found.layers) == 3 and found.labels == found.labels_true
    assert max(found.attack.residual(found.state).values()) < 0.05
    assert "residual recovery's" in found.step.note


def test_a_start_that_fits_worse_than_the_usual_one_is_not_used(monkeypatch):
    white = torch.ones(1, 3, 12, 12)
    plain = recover(ask(small(), {**FIRST, "residual_first": False}, size=12, client=TRAIN))
    monkeypatch.setattr(ResidualMachine, "answer", lambda self, state: (white, torch.zeros(1, dtype=torch.int64)))
    found = recover(ask(small(), FIRST, size=12, client=TRAIN))
    start = found.attack.started(found.state)
    assert not start["used"] and start["misfit"] >= start["usual"]
    assert torch.equal(found.attack.answer(found.state)[0], plain.attack.answer(plain.state)[0])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"samples": ["bundled/astronaut", "bundled/coffee"]}, "reads one picture"),
        ({"client": {**TRAIN, "statistics": "withheld"}}, "not shared"),
        ({"client": {**TRAIN, "kind": "fedavg", "epochs": 2}}, "one"),
        ({"model": {"kind": "lenet"}, "size": 32, "client": {"kind": "fedsgd"}}, "residual recovery begins"),
        ({"attack": {**FIRST, "parametrisation": "deep_image_prior"}}, "decoder"),
        ({"defenses": [{"kind": "gaussian_noise", "std": 1.0}]}, "cannot be told"),
    ],
)
def test_where_it_does_not_apply_the_usual_start_is_taken_and_that_is_said(values, words):
    asked = build({
        "samples": ["bundled/astronaut"], "size": 12, "model": small(), "client": TRAIN, "attack": {**FIRST, "iterations": 1}, **values,
    })  # fmt: skip
    found = recover(asked)
    start = found.attack.started(found.state)
    assert not start["used"] and words in start["note"]


def test_only_a_question_that_names_it_has_another_key():
    plain = ask(small(), "fl_gradient_inversion", size=12)
    assert plain.key() == ask(small(), {"kind": "fl_gradient_inversion", "residual_first": False}, size=12).key()
    assert plain.key() != ask(small(), {"kind": "fl_gradient_inversion", "residual_first": True}, size=12).key()
    assert parse_component("attack", "fl_gradient_inversion:preset=published").residual_first is False


def test_a_recorded_round_gives_its_picture_and_says_where_it_started(gi_home, tmp_path):
    client = {**SHARED, "learning_rate": 0.1}
    files, private = record(
        tmp_path / "f", {"samples": ["bundled/astronaut"], "channels": 3, "model": small(), "client": client}
    )
    known = {"channels": 3, "model": {**small(), "classes": 11}, "client": client, "attack": FIRST}
    document, sink = run(about(files, **known), tmp_path / "run")
    found = np.load(sink.folder / "reconstruction.npz")["images"]
    assert document["start"]["used"] and np.abs(found - private.images).max() < 1e-2
    assert "residual recovery's picture, of misfit" in report.text(document)


@pytest.mark.parametrize(
    ("attack", "first"),
    [
        ("fl_gradient_inversion", True), ("fl_gradient_inversion:iterations=9", True), ("fl_gradient_inversion:preset=published", False),
        ("fl_gradient_inversion:residual_first=false", False),
    ],
)  # fmt: skip
def test_invert_solves_first_unless_told_otherwise(tmp_path, attack, first):
    for name in ("checkpoint", "update"):
        (tmp_path / name).write_bytes(b"")
    argv = ["invert", "--checkpoint", str(tmp_path / "checkpoint"), "--update", str(tmp_path / "update")]
    argv += ["--image-size", "64", "--model", "resnet18"] + ["--attack", attack]
    assert invert.experiment(parse(argv)).attack.residual_first is first


def test_its_time_is_that_of_both_phases():
    asked = ask(small(), FIRST, size=12, client=TRAIN)
    question = ask_question(asked, torch.device("cpu"), silent)
    settings, device = asked.attack, torch.device("cpu")
    first = make(settings, question.round.update, question.round.knowledge, plan=PLAN, device=device).first
    _, count, _ = estimate.seconds_per_iteration(question)
    assert count == first.steps + 6
    whole = estimate.loop(settings, question.round, device, PLAN, 0)
    assert first.operations() / times.FLOPS < whole < 60
