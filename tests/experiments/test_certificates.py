"""Closed forms whose answers are too large for a Jacobian say what their own equations prove."""

from __future__ import annotations

import pytest
import torch

from gi_core.analysis import uniqueness
from gi_core.attacks.recursion import tracks, verdict
from gi_core.experiments.execute import execute
from gi_core.jobs.sink import Free
from tests.recovery import ask, conv, drawn
from tests.runs_helpers import ListSink

DENSE = {"kind": "dense", "features": 30, "slope": 0.2}
WHOLE = {
    "analytic_linear": ask(drawn(DENSE, {**DENSE, "bias": True}), "analytic_linear", device="cpu"),
    "rgap": ask(drawn(conv(16, 5, stride=2), conv(24), DENSE), device="cpu"),
}


@pytest.mark.parametrize("kind", [*WHOLE])
def test_layers_of_full_rank_make_an_answer_the_only_one(kind, gi_home, tmp_path, monkeypatch):
    monkeypatch.setattr(uniqueness, "BUDGET", 1e-6)
    result = execute(WHOLE[kind], sink=ListSink(tmp_path), control=Free())
    said = result["attacker"]["certainty"]
    assert said["unique"] and said["examined"] == "equations" and "allow this answer alone" in said["sentence"]
    assert result["metrics"]["psnr"] > 60


def _track(**more):
    track = {"of": 0, "alive": True, "image": 1, "residual": 1e-9, "error": 1e-7, "deficient": ""}
    return track | more


def test_a_layer_that_is_short_and_a_second_candidate_are_no_certificate(monkeypatch):
    monkeypatch.setattr(tracks, "scores", lambda found: torch.zeros(len(found)))
    assert verdict.certificate([_track()]).open == ""
    assert "layer conv2" in verdict.certificate([_track(deficient="conv2")]).open
    assert verdict.certificate([_track(), _track(of=1)]) is None
    assert verdict.certificate([_track(), _track(of=1, residual=1e-2)]).open == ""
    assert verdict.certificate([_track(residual=1e-2)]) is None
