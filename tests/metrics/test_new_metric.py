"""What becomes of a metric that is new in the registry: measured, averaged, reported, judged by."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gi_core import metrics
from gi_core.analysis.frontier import advice, points
from gi_core.cli import report
from gi_core.metrics import document
from gi_core.metrics.batch import Batch, Found
from gi_core.metrics.registry import METRICS, drawn
from gi_core.types.result import read
from tests.metrics.test_registry import metric


def pictures(count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    true = np.random.default_rng(4).random((count, 1, 12, 12))
    return true + 0.1, true


def added(monkeypatch, function, **changes) -> None:
    """One more metric, as an entry of the registry would give it."""
    place = SimpleNamespace(measure=function)
    monkeypatch.setitem(__import__("sys").modules, "made_up_metric", place)
    monkeypatch.setitem(METRICS, "mae", metric(function="made_up_metric.measure", **changes))


def test_a_new_metric_of_pairs_is_measured_averaged_and_reported(monkeypatch):
    added(monkeypatch, lambda a, b: np.abs(a - b).mean())
    got = metrics.evaluate(*pictures())
    each = [entry["mae"] for entry in got["per_image"]]
    assert all(type(value) is float for value in each) and got["metrics"]["mae"] == pytest.approx(np.mean(each))
    assert got["metrics"]["mae_sd"] == pytest.approx(np.std(each))
    lines = report.text(read({"run_id": "x", "out": "o", **got})).splitlines()
    assert any(line.startswith("MAE ") and "Mean absolute error." in line for line in lines)
    assert any(line.startswith("picture ") and "MAE" in line for line in lines)
    assert "mae" in drawn("wall") and "| MAE | `mae` |" in document.table()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan"), None])
def test_what_it_cannot_say_is_none(monkeypatch, value):
    added(monkeypatch, lambda a, b: value)
    got = metrics.evaluate(*pictures())
    assert got["metrics"]["mae"] is None and [entry["mae"] for entry in got["per_image"]] == [None, None]


def test_it_is_not_asked_about_a_picture_that_is_not_finite(monkeypatch):
    added(monkeypatch, lambda a, b: float(np.abs(a - b).mean()))
    rec, true = pictures()
    rec[1] = np.nan
    got = metrics.evaluate(rec, true)
    assert got["per_image"][0]["mae"] > 0 and got["per_image"][1]["mae"] is None and got["metrics"]["mae"] is not None


def test_a_new_metric_of_batches_says_what_it_needs_and_is_left_out_without_it(monkeypatch):
    def measure(batch: Batch) -> Found | None:
        if batch.prior is None:
            return None
        return Found({"mae": [1.0, 3.0]}, {"mae_note": "beside the prior"})

    added(monkeypatch, measure, takes="batch", optional=True)
    rec, true = pictures()
    assert "mae" not in metrics.evaluate(rec, true)["metrics"]
    got = metrics.evaluate(rec, true, prior=true[0])["metrics"]
    assert got["mae"] == 2.0 and got["mae_note"] == "beside the prior"


def test_a_function_of_two_metrics_is_called_once(monkeypatch):
    from gi_core.metrics import matching

    calls = []
    monkeypatch.setattr(
        matching, "identified", lambda batch: calls.append(1) or Found({"iip_rank": [1], "iip_percentile": [9.0]})
    )
    got = metrics.evaluate(*pictures(1))["metrics"]
    assert calls == [1] and got["iip_rank"] == 1 and type(got["iip_rank"]) is int and got["iip_percentile"] == 9.0


def test_the_frontier_judges_by_a_new_metric(monkeypatch):
    from tests.analysis.test_frontier import rows

    monkeypatch.setitem(METRICS, "mae", metric())
    found = rows("none", "none", [40.0] * 8, accuracy=0.8) + rows("noise 1", "gaussian_noise:std=1.0", [9.0] * 8)
    for row in found:
        row["mae"] = 0.01 if row["defense"] == "none" else 0.3
    said = advice(points(found, "mae"))
    assert said.best.name == "noise 1" and "MAE 0.300 in place of 0.010" in said.claim
