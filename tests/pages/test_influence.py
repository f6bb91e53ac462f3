"""The influence page without a browser: asking, the noise, the ranking, comparisons, checks."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gi_core.analysis.influence import keeping
from gi_core.jobs.job import Job
from gi_core.numerics.spectrum import PRIOR, Spectrum
from gi_core.settings import Experiment, build
from pages.influence import checking, classes, comparing, evidence, noise
from pages.influence.reading import BLURRED, Reading, ranked, readings, sentence
from pages.shared import link
from pages.shared.influence import question
from tests import pages_fakes as fakes
from tests.pages.test_lab import ROOT, store, text, widget  # noqa: F401  (store is a fixture)

SIGMAS = np.logspace(-9, 1, 81)
SIDE = 5
D = SIDE * SIDE
FOUR = ("bundled/faces:0", "bundled/faces:1", "bundled/faces:100", "bundled/faces:101")


@pytest.fixture(autouse=True)
def forget():
    """What the pages keep of pictures and spectra belongs to one test."""
    for kept in (evidence._read, evidence._kept, evidence._unit, checking._points):
        kept.clear()


def influence(**query) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.run()
    app.switch_page("pages/influence/page.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def asking(*refs: str, **more) -> Experiment:
    return build({"samples": refs or FOUR, "model": {"kind": "lenet", "init": "uniform"}, **more})


def opened(experiment: Experiment) -> AppTest:
    return influence(experiment=link.encode(experiment))


def spectrum(scale: float = 1.0, exact: bool = True) -> Spectrum:
    values = np.logspace(-6, 0, D) * scale
    return Spectrum(values, np.ones(D), np.ones((1, D)), (1.0,), exact, 0.6 * scale**0.5, 8714, 0.0 if exact else 0.3)


def described(ref: str, found: Spectrum, key: str) -> dict:
    """A picture's part of an answer, as the worker writes it."""
    errors = [found.expected(float(s)) for s in SIGMAS]
    return {
        "sample": ref, "label": 0, "class_name": "face" if int(ref.rpartition(":")[2]) < 100 else "no face", "key": key,
        "eigenvalue_max": found.largest, "eigenvalue_min": found.smallest, "gradient_norm": found.norm,
        "exact": found.exact, "relative_error": found.spread, "spectrum": found.to_json(),
        "curve": {"noise_std": SIGMAS.tolist(), "rmse": [e.pixels for e in errors], "rmse_with_prior": [e.pixels_with_prior for e in errors]},
    }  # fmt: skip


def answer(store, job: Job, wrong: dict[str, str] | None = None, exact: bool = True, kept: bool = True) -> None:  # noqa: F811
    """Answer a job as a worker would; each picture is ten times as exposed as the one before."""
    out = fakes.writer(store)
    out.take(job.id)
    folder, samples = out.folder(job.id), []
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
    for k, ref in enumerate(job.spec["experiment"]["samples"]):
        Image.fromarray(np.full((SIDE, SIDE), 40 * (k % 6), np.uint8)).save(folder / f"picture_{k:03d}.png")
        one = {"sample": ref, "label": 0, "class_name": "face"}
        if ref in (wrong or {}):
            one["error"] = wrong[ref]
        else:
            found, key = spectrum(10.0 ** (2 * k), exact), f"{k:024x}"
            if kept:
                keeping.write(key, found, vectors if exact else None)
            one = described(ref, found, key)
        samples.append({**one, "picture": f"picture_{k:03d}.png"})
    result = {
        "model": "lenet",
        "shape": [1, SIDE, SIDE],
        "parameters": 8714,
        "weights": "fresh",
        "accuracy": 0.8,
        "samples": samples,
    }
    out.finish(job.id, "done", result, None)


def jobs(store) -> list[Job]:  # noqa: F811
    return store.jobs(kinds=("influence",))


def answered(store, *refs: str, **how) -> AppTest:  # noqa: F811
    app = opened(asking(*refs))
    fakes.button(app, "run_influence").click().run()
    answer(store, jobs(store)[0], **how)
    app.run()
    assert not app.exception, app.exception
    return app


def rows(app: AppTest) -> list[dict]:
    (found,) = [c for c in app.get("bidi_component") if '"rows"' in str(c.proto.json)]
    return json.loads(found.proto.json)["rows"]


def charts(app: AppTest) -> dict[str, dict]:
    """Options of the charts by their description."""
    return {c.proto.alt: json.loads(c.proto.spec) for c in app.get("echarts_chart")}


def test_a_newcomer_finds_an_answer_being_worked_out_and_nothing_is_attacked(store):  # noqa: F811
    app = influence()
    (job,) = jobs(store)
    assert job.spec["experiment"]["samples"] == list(question.FACES) and store.jobs() == []
    assert "Working out what the gradients show" in text(app)
    assert [b.label for b in app.button if b.proto.type == "primary"] == ["Predict what leaks"]
    assert fakes.button(app, "run_influence").disabled and "experiment" not in app.query_params
    answer(store, job)
    app.run()
    assert "gi-answer" in text(app) and len(rows(app)) == 8
    again = influence()
    assert len(rows(again)) == 8 and len(jobs(store)) == 1, "answered from what is there"


def test_a_link_fills_the_form_and_asks_nothing(store):  # noqa: F811
    app = opened(asking())
    assert jobs(store) == [] and not fakes.button(app, "run_influence").disabled
    fakes.button(app, "run_influence").click().run()
    fakes.button(app, "run_influence").run()
    assert len(jobs(store)) == 1


def test_the_ranking_says_who_is_exposed_and_who_is_protected(store):  # noqa: F811
    app = answered(store)
    lines = rows(app)
    assert [line["id"] for line in lines] == list(reversed(FOUR))
    assert [line["level"] for line in lines] == ["exposed", "exposed", "partly", "protected"]
    assert lines[-1]["word"] == "protected at this noise" and lines[-1]["value"] == f"over {PRIOR:g}"
    assert "without a prior" in lines[0]["told"] and "with one" in lines[0]["told"]
    assert "2 of 4 pictures would come back almost perfectly" in text(app)
    assert "Simulated prediction, not an attack" in text(app) and "Neither is a guarantee" in text(app)
    assert len({line["seen"] for line in lines}) == 4


def test_a_picture_that_cannot_be_analysed_is_one_sentence_beside_its_thumbnail(store):  # noqa: F811
    app = answered(store, wrong={FOUR[0]: "the gradient is <zero> everywhere", FOUR[2]: "not finite"})
    lines = rows(app)
    assert [line["level"] for line in lines] == ["exposed", "partly", "failed", "failed"]
    assert lines[2]["word"] == "The gradient is <zero> everywhere." and lines[2]["src"].startswith("data:image/png")
    assert "The gradient is &lt;zero&gt; everywhere." in text(app), "escaped where it is markup"


def test_nothing_can_be_said(store):  # noqa: F811
    app = answered(store, wrong=dict.fromkeys(FOUR, "not finite"))
    assert "Nothing can be said" in text(app) and len(rows(app)) == 4


def test_the_noise_slider_needs_no_worker_and_stands_in_the_address(store):  # noqa: F811
    app = answered(store)
    app.select_slider(key="noise").set_value("1e-6").run()
    assert "4 of 4 pictures would come back almost perfectly" in text(app)
    app.select_slider(key="noise").set_value("10").run()
    assert "The noise drowns all 4 pictures" in text(app) and "may still do better" in text(app)
    assert len(jobs(store)) == 1
    assert "1 of 4" not in text(influence(experiment=app.query_params["experiment"], noise="10"))


def test_the_error_that_is_wanted_gives_the_noise(store):  # noqa: F811
    app = answered(store)
    one = Reading(0, described(FOUR[0], spectrum(), "0" * 24))
    app.select_slider(key="target").set_value("0.1").run()
    asked = noise._LEVELS[app.select_slider(key="noise").value]
    assert one.rmse(asked) == pytest.approx(0.1, rel=0.05)
    app.button(key="noise_blur").click().run()
    assert one.rmse(noise._LEVELS[app.select_slider(key="noise").value]) == pytest.approx(BLURRED, rel=0.05)
    app.button(key="noise_all").click().run()
    last = Reading(0, described(FOUR[3], spectrum(1e6), "0" * 24))
    assert last.rmse(noise._LEVELS[app.select_slider(key="noise").value]) == pytest.approx(BLURRED, rel=0.05)


def test_directions_of_the_whole_spectrum(store):  # noqa: F811
    app = answered(store)
    assert f"Number {D // 2 + 1}" in text(app) and "exact" in text(app)
    app.select_slider(key="influence_direction").set_value(1).run()
    page = text(app)
    assert page.count("eigenvalue 1<") == 2, "the best shown is the one chosen"
    app.session_state["influence.looked"] = FOUR[2]
    app.run()
    assert fakes.button(app, "influence_check").label == "Check this prediction for No face 100"


def test_an_estimated_spectrum_is_called_so(store):  # noqa: F811
    app = answered(store, exact=False)
    assert "Estimated from random probes" in text(app) and "± 15 %" in text(app)
    assert (
        rows(app)[0]["low"] < rows(app)[0]["bar"] < rows(app)[0]["high"] and "give or take 15 %" in rows(app)[0]["told"]
    )
    assert "influence_direction" not in {s.key for s in app.select_slider}


def test_spectra_that_gave_way_are_no_error(store):  # noqa: F811
    app = answered(store, kept=False)
    assert "gave way" in text(app) and rows(app)[0]["seen"].startswith("data:image/png")


def test_classes_are_compared_where_there_are_several(store):  # noqa: F811
    about = "Predicted error per pixel by class"
    assert about in charts(answered(store))
    found = readings({"samples": [described(ref, spectrum(10.0**k), "") for k, ref in enumerate(FOUR)]})
    (low, *_, high), other = classes.boxes(classes.comparable(found), 1e-3)
    assert low == pytest.approx(np.log10(found[1].rmse(1e-3))) and high == pytest.approx(np.log10(found[0].rmse(1e-3)))
    assert other[2] < low and classes.comparable(found[:3]) == {}


def test_initialisations_are_compared_by_five_jobs(store):  # noqa: F811
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
    assert len(chart["series"][0]["data"]) == 4


def test_stages_of_training_are_compared(store):  # noqa: F811
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


def test_a_check_is_a_real_run_and_a_point(store):  # noqa: F811
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
    assert chart["series"][1]["data"][0]["value"][1] == pytest.approx(np.log10(0.021))


def test_another_question_keeps_the_last_answer_until_it_is_asked(store):  # noqa: F811
    app = answered(store)
    widget(app, "selectbox", "model.init.lenet").select("default").run()
    assert "asks for something else by now" in text(app) and not fakes.button(app, "run_influence").disabled
    widget(app, "selectbox", "model.init.lenet").select("uniform").run()
    assert "asks for something else" not in text(app) and len(jobs(store)) == 1
    assert fakes.button(app, "run_influence").disabled


def test_every_example_fills_the_form(store):  # noqa: F811
    from pages.influence.asking import EXAMPLES

    app = opened(asking())
    for number, (_, _, document) in enumerate(EXAMPLES):
        app.button(key=f"example_{number}").click().run()
        assert not app.exception and app.session_state["influence.experiment"] == build(document)


def test_a_failed_question_is_one_sentence_and_can_be_asked_again(store):  # noqa: F811
    app = opened(asking())
    fakes.button(app, "run_influence").click().run()
    out = fakes.writer(store)
    out.take(jobs(store)[0].id)
    out.finish(jobs(store)[0].id, "failed", error="batch norm in train mode: choose client.batch_norm=eval")
    app.run()
    assert "Batch norm in train mode: choose client.batch_norm=eval." in text(app)
    fakes.button(app, "run_influence").click().run()
    assert len(jobs(store)) == 2


def test_a_question_can_be_cancelled(store):  # noqa: F811
    app = opened(asking())
    fakes.button(app, "run_influence").click().run()
    fakes.button(app, "influence_cancel").click().run()
    assert jobs(store)[0].state == "cancelled" and "was cancelled" in text(app)


def test_a_page_opens_no_free_path(store):  # noqa: F811
    app = opened(asking("/etc/hostname"))
    assert "cannot open" in text(app)
    fakes.button(app, "run_influence").click().run()
    assert jobs(store) == []


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


def test_the_page_loads_no_torch():
    code = (
        "import sys\nfrom pages.influence import view\n"
        "print([n for n in ('torch', 'torchvision', 'lpips', 'skimage') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stderr[-500:]
