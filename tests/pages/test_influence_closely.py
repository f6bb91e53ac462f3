"""One picture closely on the influence page: spectrum, comparisons of weights, the check by an attack."""

from __future__ import annotations

import numpy as np
import pytest

from gi_core.settings import build
from pages.influence import checking, classes, comparing
from pages.influence.reading import Reading, ranked, readings, sentence
from tests import pages_fakes as fakes
from tests.pages.influence_page import (
    FOUR,
    D,
    answer,
    answered,
    asking,
    charts,
    described,
    jobs,
    rows,
    spectrum,
)
from tests.pages.opened import text


def test_directions_of_the_whole_spectrum(store):
    app = answered(store)
    assert f"Number {D // 2 + 1}" in text(app) and "exact" in text(app)
    app.select_slider(key="influence_direction").set_value(1).run()
    page = text(app)
    assert page.count("eigenvalue 1<") == 2, "the best shown is the one chosen"
    app.session_state["influence.looked"] = FOUR[2]
    app.run()
    assert fakes.button(app, "influence_check").label == "Check this prediction for No face 100"


def test_an_estimated_spectrum_is_called_so(store):
    app = answered(store, exact=False)
    assert "Estimated from random probes" in text(app) and "± 15 %" in text(app)
    assert (
        rows(app)[0]["low"] < rows(app)[0]["bar"] < rows(app)[0]["high"] and "give or take 15 %" in rows(app)[0]["hint"]
    )
    assert "influence_direction" not in {s.key for s in app.select_slider}


def test_spectra_that_gave_way_are_no_error(store):
    app = answered(store, kept=False)
    assert "gave way" in text(app) and rows(app)[0]["seen"].startswith("data:image/png")


def test_classes_are_compared_where_there_are_several(store):
    about = "Predicted error per pixel by class"
    found = readings({"samples": [described(ref, spectrum(10.0**k), "") for k, ref in enumerate(FOUR)]})
    chart = charts(answered(store))[about]["data"]
    boxes = [t for t in chart if t["type"] == "box"]
    assert [len(b["y"]) for b in boxes] == [2, 2] and sorted(sum((b["y"] for b in boxes), [])) == sorted(chart[-1]["y"])
    assert classes.comparable(found) and classes.comparable(found[:3]) == {}


def test_initialisations_are_compared_by_five_jobs(store):
    app = answered(store)
    fakes.button(app, "influence_inits").click().run()
    asked = jobs(store)[:-1]
    assert sorted(j.spec["experiment"]["model"]["init"] for j in asked) == [
        "default",
        "kaiming",
        "normal",
        "uniform",
        "xavier",
    ]
    assert all(j.spec["experiment"]["samples"] == [FOUR[0]] for j in asked)
    for job in asked[:-1]:
        answer(store, job)
    out = fakes.writer(store)
    out.take(asked[-1].id)
    out.finish(asked[-1].id, "failed", error="these weights are bad")
    app.run()
    assert "These weights are bad." in text(app)
    (chart,) = [c for alt, c in charts(app).items() if "initialisation" in alt]
    assert len(chart["data"][0]["y"]) == 4


def test_stages_of_training_are_compared(store):
    app = answered(store)
    fakes.button(app, "influence_epochs").click().run()
    asked = jobs(store)[:-1]
    assert [j.spec["experiment"]["weights"].get("epochs") for j in reversed(asked)] == [None, 1, 2, 5, 10]
    for job in asked:
        answer(store, job)
    app.run()
    assert "Most of this picture leaks" in text(app) and "80 %" in text(app)
    assert "influence_epochs" not in {b.key for b in app.button}, "all of it is there"


def test_a_picture_of_ones_own_trains_on_what_is_here():
    ref = "upload:" + "0" * 64
    stage = comparing.epochs(asking(ref), ref)["5"]
    assert stage.weights.data == "bundled" and stage.model.classes == 11


def test_a_check_is_a_real_run_and_a_point(store):
    app = answered(store)
    app.select_slider(key="noise").set_value("1e-4").run()
    fakes.button(app, "influence_check").click().run()
    (run,) = store.jobs()
    asked = build(run.spec)
    assert asked.attack.kind == "levenberg_marquardt" and asked.attack.labels == "known"
    assert asked.samples == FOUR[:1] and asked.defenses[0].std == pytest.approx(1e-4)
    assert "before it in the queue" in text(app) and fakes.button(app, "influence_check").disabled
    out = fakes.writer(store)
    out.take(run.id)
    out.finish(run.id, "done", {"calibration": {"predicted_rmse": 0.02, "measured_rmse": 0.021}, "metrics": {}}, None)
    checking._points.clear()
    app.run()
    assert "measured <b>0.021</b>: 5 % apart" in text(app)
    (chart,) = [c for alt, c in charts(app).items() if alt.startswith("Measured")]
    (mine,) = [t for t in chart["data"] if t["name"] == "this check"]
    assert (mine["x"], mine["y"]) == ([0.02], [0.021])


def test_interpolation_agrees_with_the_spectrum():
    found = spectrum(3.0)
    one = Reading(0, described(FOUR[0], found, ""))
    for sigma in (1e-8, 3.3e-5, 2e-2, 4.0):
        errors = found.expected(sigma)
        assert one.rmse(sigma) == pytest.approx(errors.pixels, rel=1e-6)
        assert one.with_prior(sigma) == pytest.approx(errors.pixels_with_prior, rel=0.01)
    assert one.noise_for(0.25) == pytest.approx(found.noise_for(0.25), rel=1e-6)
    assert one.noise_for_with_prior(0.2) == pytest.approx(found.noise_for_with_prior(0.2), rel=0.02)
    assert one.noise_for_with_prior(0.5) == np.inf


def test_words_are_those_of_the_worst_case():
    found = readings({"samples": [described(FOUR[0], spectrum(), ""), {"sample": FOUR[1], "error": "no"}]})
    assert [one.error for one in ranked(found)] == [None, "no"]
    assert sentence(found, 1e-7)[:2] == ("exposed", "The picture would come back almost perfectly")
    assert Reading(0, {"sample": "folder:/a b/digits:7"}).name == "digits 7"
    assert sentence(found, 10.0)[0] == "protected" and sentence(found[1:], 1.0)[0] == "failed"
