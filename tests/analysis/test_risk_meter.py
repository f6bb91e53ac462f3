"""The risk meter: its rules, how near its quick estimate comes, and what a run stores of it."""

from __future__ import annotations

import re

import pytest
import torch

from gi_core.analysis import risk
from gi_core.analysis.influence import keeping, quick
from gi_core.clients.round import normalised
from gi_core.experiments import risk_afterwards, risk_meter, setup
from gi_core.experiments.execute import execute
from gi_core.experiments.preview import preview
from gi_core.experiments.setup import Questions
from gi_core.jobs.sink import Free
from gi_core.metrics import words
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.picture_spectrum import spectrum as spectrum_of
from pages.shared.experiment import meter as shown
from tests.runs_helpers import ListSink
from tests.victims import experiment

NOISE = [{"kind": "gaussian_noise", "std": 1e-3}]
ASKED = {"verdict": "exact", "images": 1, "gradient_norm": 1.0}
RULES = [
    ({}, "exposed"),
    ({"predicted_rmse": 1e-6}, "exposed"),
    ({"predicted_rmse": 0.1, "perturbed": True}, "partly"),
    ({"predicted_rmse": 0.3, "perturbed": True}, "protected"),
    ({"predicted_rmse": float("inf"), "perturbed": True}, "protected"),
    ({"predicted_rmse": float("nan"), "perturbed": True}, "protected"),
    ({"best_case": 0.01, "perturbed": True}, "partly"),
    ({"best_case": 0.4, "perturbed": True}, "protected"),
    ({"perturbed": True}, "partly"),
    ({"verdict": "partial"}, "partly"),
    ({"verdict": "partial", "predicted_rmse": 1e-6}, "partly"),
    ({"verdict": "unsupported"}, "exposed"),
    ({"verdict": None}, "exposed"),
    ({"images": 8}, "exposed"),
    ({"images": 9}, "partly"),
    ({"gradient_norm": 1e-8}, "partly"),
    ({"gradient_norm": 1e-8, "predicted_rmse": 1e-6}, "exposed"),
]


def ask(**values) -> setup.Question:
    return setup.ask(experiment(**values), torch.device("cpu"), lambda fraction, text: None)


@pytest.mark.parametrize(("values", "level"), RULES)
def test_levels(values, level):
    found = risk.assess(**{**ASKED, **values})
    assert found["level"] == level and found["reasons"] and found["sentence"].endswith(".")


@pytest.mark.parametrize(
    ("level", "error", "psnr", "residual", "right"),
    [
        ("exposed", 1e-6, 60.0, 1e-6, True),
        ("exposed", 1e-6, 9.0, 0.5, None),
        ("exposed", 1e-6, 9.0, 1e-6, False),
        ("partly", 0.1, 20.0, 0.1, True),
        ("partly", 0.1, 45.0, 0.1, False),
        ("partly", 0.1, 4.0, 0.1, None),
        ("partly", None, 45.0, 0.1, None),
        ("protected", 1.0, 6.0, 0.1, True),
        ("protected", 1.0, 25.0, 0.1, False),
        ("exposed", 1e-6, None, 0.1, None),
    ],
)
def test_afterwards_it_says_whether_it_was_right(level, error, psnr, residual, right):
    found = risk.judged({"level": level, "error": error}, psnr, words.said({"psnr": psnr}), "DLG", residual)
    assert found["right"] is right and found["afterwards"].endswith(".")


def test_no_wording_promises_anything():
    said = [shown.SMALL_PRINT]
    for values, _ in RULES:
        found = risk.assess(**{**ASKED, **values})
        said += [found["sentence"], *found["reasons"]]
        for psnr in (5.0, 25.0, 50.0):
            for residual in (None, 1e-6):
                said.append(risk.judged(found, psnr, words.said({"psnr": psnr}), "DLG", residual)["afterwards"])
    assert not [text for text in said if re.search(r"\bsafe|guarantee|secure|infinit", text, re.I)]


def test_the_whole_spectrum_refines_the_meter():
    rough = risk.assess(**ASKED, predicted_rmse=0.015, perturbed=True, noise_std=1e-3)
    fine = risk.refine(rough, 0.03)
    assert (rough["level"], rough["refined"]) == ("exposed", False)
    assert (fine["level"], fine["error"], fine["refined"]) == ("partly", 0.03, True)
    assert "quick" in rough["reasons"][-1] and "quick" not in fine["reasons"][-1]


@pytest.mark.parametrize("init", ["default", "uniform"])
def test_the_quick_estimate_is_within_a_factor_of_two(gi_home, init):
    asked = ask(size=16, model={"kind": "lenet", "init": init}, defenses=NOISE)
    done = asked.round
    sample = Sample(done.knowledge, normalised(asked.pictures, torch.device("cpu")), done.labels)
    exact, _ = spectrum_of(sample)
    rough, whole = quick.spectrum(sample, 30.0)
    assert whole
    assert 0.5 < rough.expected(1e-3).pixels / exact.expected(1e-3).pixels < 1.5


def test_without_time_nothing_is_estimated(gi_home):
    asked = ask(size=16)
    sample = Sample(asked.round.knowledge, normalised(asked.pictures, torch.device("cpu")), asked.round.labels)
    assert quick.spectrum(sample, -1.0) is None and quick.influence(sample, torch.ones(sample.size), 0.0) is None


def test_short_of_rank_a_rough_spectrum_says_nothing_and_a_whole_one_the_truth(gi_home, monkeypatch):
    """A LeNet of two channels leaves directions open that 120 products of Lanczos do not see: they promised 4e-5 per pixel."""
    asked = ask(model={"kind": "lenet", "width": 2, "activation": "tanh"}, size=25)
    whole = risk_meter.measure(asked)
    assert whole["level"] == "partly" and whole["refined"] and 0.1 < whole["error"] < 0.3
    keeping_nothing = lambda name: None  # noqa: E731
    monkeypatch.setattr(keeping, "read", keeping_nothing)
    monkeypatch.setattr(risk_meter, "WHOLE_SECONDS", 0.0)
    rough = risk_meter.measure(asked)
    assert rough["level"] == "partly" and rough["error"] is None


def test_a_kept_spectrum_comes_first(gi_home, monkeypatch):
    monkeypatch.setattr(risk_meter, "WHOLE_SECONDS", 0.0)
    asked = ask(defenses=NOISE)
    first, again = risk_meter.measure(asked), risk_meter.measure(asked)
    assert first["error"] == again["error"] and not first["refined"]
    done = asked.round
    x = normalised(asked.pictures, torch.device("cpu"))
    spectrum, vectors = spectrum_of(Sample(done.knowledge, x, done.labels))
    keeping.write(keeping.key(done.knowledge, x, done.labels, risk_meter.EXACT_SECONDS), spectrum, vectors)
    fine = risk_meter.measure(asked)
    assert fine["refined"] and fine["error"] == pytest.approx(first["error"], rel=0.5)


def test_noise_decides_and_clipping_hides_nothing(gi_home):
    levels = [
        risk_meter.measure(ask(defenses=d))["level"] for d in ([], [{"kind": "gaussian_noise", "std": 10}], [{"kind": "clipping", "norm": 0.01}])
    ]  # fmt: skip
    assert levels == ["exposed", "protected", "exposed"]


def test_pruning_is_measured_as_it_is(gi_home):
    weak, strong = (risk_meter.measure(ask(defenses=[{"kind": "pruning", "fraction": f}])) for f in (0.05, 0.9))
    assert weak["error"] < strong["error"]


def test_pruning_that_takes_nothing_is_no_error(gi_home):
    """Fewer values than one of each tensor, so that the update is as it was."""
    found = risk_meter.measure(ask(defenses=[{"kind": "pruning", "fraction": 1e-6}]))
    assert found["level"] != "protected" and found["error"] is None


@pytest.mark.parametrize(
    "white",
    [{"kind": "laplace_noise", "scale": 10 / 2**0.5}, {"kind": "dp_sgd", "clip": 1e6, "noise_multiplier": 1e-5}],
)
def test_noise_of_any_law_is_metered_by_its_size(gi_home, white):
    """And that of DP-SGD on one picture, which is clipping and normal noise."""
    normal = risk_meter.measure(ask(defenses=[{"kind": "gaussian_noise", "std": 10.0}]))
    other = risk_meter.measure(ask(defenses=[white]))
    assert other["level"] == normal["level"] == "protected" and "the noise 10 on each value" in other["reasons"][1]
    assert other["error"] == pytest.approx(normal["error"], rel=0.1)


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({"defenses": [{"kind": "withheld_layers"}]}, "Withheld layers"),
        ({"defenses": [{"kind": "dp_sgd"}], "samples": ["bundled/faces:0", "bundled/faces:100"]}, "DP-SGD"),
    ],
)
def test_what_no_formula_holds_for_is_left_open(gi_home, values, title):
    found = risk_meter.measure(ask(attack={"kind": "dlg"}, **values))
    assert found["level"] == "partly" and found["error"] is None
    assert f"what shows behind {title} is not predicted" in found["reasons"][-1]
    assert not any("determine" in reason or "suffice" in reason for reason in found["reasons"])


def test_a_batch_and_a_network_without_equations_have_a_meter(gi_home):
    batch = ask(samples=[f"bundled/faces:{k}" for k in range(4)], attack={"kind": "dlg", "labels": "known"})
    assert "told apart" in risk_meter.measure(batch)["reasons"][0]
    assert (
        risk_meter.measure(ask(samples=["bundled/astronaut"], size=16, model={"kind": "resnet20"}))["level"]
        in risk.LEVELS
    )


def test_calibration_is_for_one_picture_with_a_perturbation():
    assert (
        risk_afterwards.calibrate(ask(), 0.1) is None and risk_afterwards.calibrate(ask(defenses=NOISE), None) is None
    )
    found = risk_afterwards.calibrate(ask(defenses=NOISE), 0.1)
    assert found["measured_rmse"] == 0.1 and 0 < found["predicted_rmse_with_prior"] < found["predicted_rmse"]
    assert found["protected"] == (found["predicted_rmse"] >= risk.PRIOR)


def test_a_preview_answers_with_the_meter(gi_home, tmp_path):
    answer = preview(experiment(), tmp_path, Questions())
    assert answer["risk"]["level"] == "exposed" and answer["risk"]["error"] < 1e-3


def test_a_run_stores_whether_it_was_right_and_its_calibration(gi_home, tmp_path):
    asked = experiment(
        defenses=[{"kind": "gaussian_noise", "std": 1e-5}],
        attack={"kind": "levenberg_marquardt", "iterations": 40, "total_variation": 0.0},
    )
    result = execute(asked, sink=ListSink(tmp_path / "run"), control=Free())
    assert result["risk"]["afterwards"] and result["risk"]["right"] is True
    found = result["calibration"]
    assert found["measured_rmse"] == result["metrics"]["rmse_unclamped"]
    assert found["predicted_rmse"] == pytest.approx(found["measured_rmse"], rel=0.15)


def _measured(model=None, **client):
    net = model or {"kind": "convnet", "width": 3, "depth": 3}
    return risk_meter.measure(
        ask(size=12, model=net, client={"kind": "fedavg", **client}, attack={"kind": "inverting_gradients"})
    )


def test_a_weight_change_is_metered_as_the_gradient_it_is_of(gi_home):
    """One step of SGD: the same gradient whatever the step size, and its float32 rounding says how precisely."""
    lenet = {"kind": "lenet", "width": 12, "init": "uniform"}
    small, large = _measured(lenet, learning_rate=1e-4), _measured(lenet, learning_rate=1e-2)
    norms = [m["grounds"]["gradient_norm"] for m in (small, large)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-2)
    # a hundredth of the step size is a hundred times the rounding
    assert small["error"] == pytest.approx(100 * large["error"], rel=0.2)


@pytest.mark.parametrize(
    ("client", "says"),
    [
        ({"epochs": 3}, "this round has several"),
        ({"batch_norm": "train"}, "withheld"),
        ({"batch_norm": "train", "statistics": "shared"}, "they are shared"),
    ],
)
def test_what_cannot_be_worked_out_for_a_round_is_left_open_with_the_reason(gi_home, client, says):
    found = _measured(**client)
    assert found["level"] == "partly" and found["error"] is None and says in found["reasons"][-1]
