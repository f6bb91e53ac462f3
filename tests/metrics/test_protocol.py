"""The metric protocol against skimage and textbook formulas, matching, identifiability, NaN."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gi_core import metrics
from gi_core.metrics.matching import assignment, retrieval
from gi_core.metrics.registry import PSNR_CAP

RNG = np.random.default_rng(3)


def some(n: int = 1, channels: int = 3, side: int = 32) -> np.ndarray:
    return RNG.random((n, channels, side, side), dtype=np.float32)


def strict(result: dict) -> dict:
    return json.loads(json.dumps(result, allow_nan=False))


@pytest.mark.parametrize("channels, side", [(1, 28), (3, 32), (3, 64), (1, 12)])
def test_values_are_those_of_skimage(channels, side):
    true = some(1, channels, side)
    rec = true + 0.2 * RNG.standard_normal(true.shape).astype(np.float32)
    got = strict(metrics.evaluate(rec, true))["metrics"]
    a, b = np.clip(rec[0].astype(float), 0, 1), true[0].astype(float)
    assert got["mse"] == pytest.approx(((a - b) ** 2).mean())
    assert got["psnr"] == pytest.approx(peak_signal_noise_ratio(b, a, data_range=1))
    expected = structural_similarity(a, b, data_range=1, gaussian_weights=True, sigma=1.5, channel_axis=0)
    assert got["ssim"] == pytest.approx(expected)
    assert got["ssim_note"] == ""
    unclamped = math.sqrt(((rec - true).astype(float) ** 2).mean())
    assert got["rmse_unclamped"] == pytest.approx(unclamped, rel=1e-5)
    assert got["rmse_unclamped"] > math.sqrt(got["mse"]), "clamping only brings pixels nearer"


def test_a_small_picture_shrinks_the_window_and_says_so():
    true = some(1, 1, 8)
    got = metrics.evaluate(true * 0.9, true)["metrics"]
    a, b = (true * 0.9)[0].astype(float), true[0].astype(float)
    more = {"data_range": 1, "gaussian_weights": True, "sigma": 1.5, "channel_axis": 0}
    expected = structural_similarity(a, b, win_size=7, **more)
    assert got["ssim"] == pytest.approx(expected, rel=1e-6)
    assert "window of 7 instead of 11" in got["ssim_note"]


def test_equal_pictures_have_a_finite_psnr():
    true = some()
    got = strict(metrics.evaluate(torch.tensor(true), true))["metrics"]
    assert got["mse"] == 0 and got["psnr"] == PSNR_CAP and got["ssim"] == pytest.approx(1)


def test_hungarian_against_all_permutations():
    true = some(4, 1, 6)
    rec = true[[2, 0, 3, 1]] + 0.3 * RNG.standard_normal(true.shape)
    order = assignment(rec, true)
    cost = {
        p: sum(((np.clip(rec[p[i]], 0, 1) - true[i]) ** 2).mean() for i in range(4))
        for p in itertools.permutations(range(4))
    }
    assert tuple(order) == min(cost, key=cost.get)


def test_a_shuffled_batch_is_matched_with_its_labels():
    true, shuffle = some(4), [2, 0, 3, 1]
    labels = [5, 6, 7, 8]
    got = strict(metrics.evaluate(true[shuffle], true, labels, [labels[i] for i in shuffle]))
    assert got["order"] == [1, 3, 0, 2]
    assert got["metrics"]["label_accuracy"] == 1 and got["metrics"]["mse"] == 0
    assert [e["matched"] for e in got["per_image"]] == got["order"]
    assert [e["label_recovered"] for e in got["per_image"]] == labels
    assert got["metrics"]["mse_sd"] == 0


def test_mean_and_spread_of_a_batch():
    true = some(3)
    rec = true + np.array([0.0, 0.05, 0.1], np.float32).reshape(3, 1, 1, 1)
    got = metrics.evaluate(rec, true, [0, 1, 2], [0, 1, 1])
    values = [e["mse"] for e in got["per_image"]]
    assert got["metrics"]["mse"] == pytest.approx(np.mean(values))
    assert got["metrics"]["mse_sd"] == pytest.approx(np.std(values))
    assert got["metrics"]["label_accuracy"] == pytest.approx(2 / 3)


def test_identifiability_by_hand():
    pool = np.stack([np.full((1, 4, 4), v) for v in (0.0, 0.1, 0.5, 0.9, 1.0)])
    assert retrieval(np.full((1, 4, 4), 0.45), pool[2], pool) == (1, 100.0, 5)
    rank, percentile, among = retrieval(np.full((1, 4, 4), 0.95), pool[2], pool)
    assert (rank, percentile, among) == (3, 50.0, 5)
    double = np.concatenate([pool, pool[2:3]])
    assert retrieval(np.full((1, 4, 4), 0.5), pool[2], double)[0] == 1, "a second copy is no rival"
    got = metrics.evaluate(pool[4:5] * 0.95, pool[2:3], candidates=pool)["metrics"]
    assert got["iip_rank"] == 3 and got["iip_candidates"] == 5


def test_without_candidates_identifiability_is_unknown():
    got = metrics.evaluate(some(), some())["metrics"]
    assert got["iip_rank"] is None and got["iip_percentile"] is None and got["iip_candidates"] is None
    assert got["label_accuracy"] is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_what_is_not_finite_never_reaches_json(bad):
    true = some(2)
    rec = true.copy()
    rec[1, 0, 3, 3] = bad
    got = strict(metrics.evaluate(rec, true, candidates=true))
    assert got["metrics"]["mse"] is not None
    if math.isnan(bad):
        assert got["per_image"][1]["mse"] is None and "1 of 2" in got["metrics"]["note"]
    rec[:] = bad
    got = strict(metrics.evaluate(rec, true, candidates=true))
    assert (got["metrics"]["mse"] is None) == math.isnan(bad)
    strict({"quick": metrics.quick(rec, true)})


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="cannot be compared"):
        metrics.evaluate(some(1), some(2))


def test_quick_agrees_with_the_protocol():
    true = some(2)
    rec = (true + 0.1)[[1, 0]]
    full = metrics.evaluate(rec, true)["metrics"]
    assert metrics.quick(torch.tensor(rec), true) == pytest.approx((full["psnr"], full["ssim"]))


def test_trials_are_ordered_by_the_attackers_score_not_by_truth():
    true = some(1)
    images = np.stack([true + e for e in (0.0, 0.1, 0.2, 0.3)])
    images[3, 0, 0, 0, 0] = np.nan
    got = strict(metrics.trials_summary(images, torch.tensor([3.0, 1.0, 2.0, float("nan")]), true))
    assert [got[k]["trial"] for k in ("best", "median", "worst")] == [1, 2, 3]
    assert got["best"]["mse"] > got["all"][0]["mse"] == 0, "the best by truth is not the best"
    assert got["worst"] == {"trial": 3, "score": None, "mse": None, "psnr": None}
    blind = metrics.trials_summary(images, [3, 1, 2, 4], None)
    assert blind["best"]["trial"] == 1 and blind["best"]["mse"] is None
