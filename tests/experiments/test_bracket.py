"""The best attacker of the game beside what any attacker could get."""

from __future__ import annotations

import pytest
import torch

from gi_core.experiments import bracket, setup
from gi_core.settings import build, ceiling
from gi_core.settings.ceiling import Ceiling

DP = {"kind": "dp_sgd", "clip": 1.0, "noise_multiplier": 0.1}


def _found(*defenses, truth=True, **more):
    asked = build({
        "samples": ["bundled/faces:0"], "model": {"kind": "linear"}, "attack": {"kind": "dlg"}, "size": 8,
        "defenses": list(defenses), **more,
    })  # fmt: skip
    question = setup.ask(asked, torch.device("cpu"), lambda *_: None)
    return bracket.of(question, truth), question


def test_no_floor_is_above_its_ceiling(monkeypatch):
    """Clipped gradients of random directions, which are as far apart as the bound lets them, at seven noise levels."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.nn.functional.normalize(torch.randn(50, 4000, generator=generator), dim=1)
    for deviation in (0.05, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0):
        right = bracket._right(centres, deviation, torch.Generator().manual_seed(1)) / bracket.DRAWS
        most = Ceiling(1 / deviation).success(50)
        assert right <= most + 3 * (most * (1 - most) / bracket.DRAWS) ** 0.5
        assert right > 0.99 if deviation < 0.1 else right >= 0.02 * 0.8


def test_draws_by_covariance_are_draws_of_the_noise():
    generator = torch.Generator().manual_seed(3)
    centres = torch.randn(6, 300, generator=generator) * 0.1
    fast = bracket._right(centres, 1.5, torch.Generator().manual_seed(4)) / bracket.DRAWS
    truth = torch.randint(6, (20_000,), generator=generator)
    sent = centres[truth] + 1.5 * torch.randn(20_000, 300, generator=generator)
    slow = float((torch.cdist(sent, centres).argmin(1) == truth).float().mean())
    assert fast == pytest.approx(slow, abs=0.02)


def test_a_run_with_little_noise_is_told_apart_and_one_with_much_is_not():
    little, question = _found(DP)
    much, _ = _found(DP | {"noise_multiplier": 50.0})
    assert little["candidates"] == 200 and little["floor"] > 0.5 and little["floor"] <= little["ceiling"]
    assert much["floor_low"] <= 1 / 200 <= much["floor_high"] and much["ceiling"] < 0.006
    assert little["sentence"] == ceiling.of(question.experiment).__class__(10.0, label_known=True).sentence(200)


def test_centres_are_what_the_round_sends_without_noise():
    _, question = _found(DP | {"noise_multiplier": 0.0})
    centres = bracket._centres(question, 3, 0)
    sent = torch.cat([t.flatten() for t in question.round.update.tensors.values()])
    assert torch.equal(centres[0], sent) and not torch.equal(centres[1], sent)


def test_what_was_not_measured_says_why():
    none, _ = _found({"kind": "gaussian_noise"})
    steps, _ = _found(DP, client={"kind": "fedavg", "epochs": 2})
    hidden, _ = _found(DP, truth=False)
    assert none is None
    assert steps["floor"] is None and "next one" in steps["measured"]
    assert hidden["floor"] is None and "withheld" in hidden["measured"]
