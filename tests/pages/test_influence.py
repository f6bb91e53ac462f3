"""The influence page without a browser: asking, the noise, the ranking, comparisons, checks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gi_core.analysis.risk import BLURRED
from gi_core.numerics.spectrum import PRIOR
from gi_core.settings import build
from pages.influence import noise
from pages.influence.reading import Reading
from pages.shared.influence import question
from tests import pages_fakes as fakes
from tests.pages.influence_page import (
    FOUR,
    answer,
    answered,
    asking,
    described,
    influence,
    jobs,
    linked,
    rows,
    spectrum,
)
from tests.pages.opened import ROOT, text, widget


def test_a_newcomer_finds_an_answer_being_worked_out_and_nothing_is_attacked(store):
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


def test_a_link_fills_the_form_and_asks_nothing(store):
    app = linked(asking())
    assert jobs(store) == [] and not fakes.button(app, "run_influence").disabled
    fakes.button(app, "run_influence").click().run()
    fakes.button(app, "run_influence").run()
    assert len(jobs(store)) == 1


def test_the_ranking_says_who_is_exposed_and_who_is_protected(store):
    app = answered(store)
    lines = rows(app)
    assert [line["id"] for line in lines] == list(reversed(FOUR))
    assert [line["level"] for line in lines] == ["exposed", "exposed", "partly", "protected"]
    assert lines[-1]["word"] == "protected at this noise" and lines[-1]["value"] == f"over {PRIOR:g}"
    assert "without a prior" in lines[0]["hint"] and "with one" in lines[0]["hint"]
    assert "2 of 4 pictures would come back almost perfectly" in text(app)
    assert "Simulated prediction, not an attack" in text(app) and "Neither is a guarantee" in text(app)
    assert len({line["seen"] for line in lines}) == 4


def test_a_picture_that_cannot_be_analysed_is_one_sentence_beside_its_thumbnail(store):
    app = answered(store, wrong={FOUR[0]: "the gradient is <zero> everywhere", FOUR[2]: "not finite"})
    lines = rows(app)
    assert [line["level"] for line in lines] == ["exposed", "partly", "failed", "failed"]
    assert lines[2]["word"] == "The gradient is <zero> everywhere." and lines[2]["src"].startswith("data:image/png")
    assert "The gradient is &lt;zero&gt; everywhere." in text(app), "escaped where it is markup"


def test_nothing_can_be_said(store):
    app = answered(store, wrong=dict.fromkeys(FOUR, "not finite"))
    assert "Nothing can be said" in text(app) and len(rows(app)) == 4


def test_the_noise_slider_needs_no_worker_and_stands_in_the_address(store):
    app = answered(store)
    app.select_slider(key="noise").set_value("1e-6").run()
    assert "4 of 4 pictures would come back almost perfectly" in text(app)
    app.select_slider(key="noise").set_value("10").run()
    assert "The noise drowns all 4 pictures" in text(app) and "may still do better" in text(app)
    assert len(jobs(store)) == 1
    assert "1 of 4" not in text(influence(experiment=app.query_params["experiment"], noise="10"))


def test_the_error_that_is_wanted_gives_the_noise(store):
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


def test_another_question_keeps_the_last_answer_until_it_is_asked(store):
    app = answered(store)
    widget(app, "selectbox", "model.init.lenet").select("default").run()
    assert "asks for something else by now" in text(app) and not fakes.button(app, "run_influence").disabled
    widget(app, "selectbox", "model.init.lenet").select("uniform").run()
    assert "asks for something else" not in text(app) and len(jobs(store)) == 1
    assert fakes.button(app, "run_influence").disabled


def test_every_example_fills_the_form(store):
    from pages.influence.asking import EXAMPLES

    app = linked(asking())
    for number, (_, _, document) in enumerate(EXAMPLES):
        app.button(key=f"example_{number}").click().run()
        assert not app.exception and app.session_state["influence.experiment"] == build(document)


def test_a_failed_question_is_one_sentence_and_can_be_asked_again(store):
    app = linked(asking())
    fakes.button(app, "run_influence").click().run()
    out = fakes.writer(store)
    out.take(jobs(store)[0].id)
    out.finish(jobs(store)[0].id, "failed", error="batch norm in train mode: choose client.batch_norm=eval")
    app.run()
    assert "Batch norm in train mode: choose client.batch_norm=eval." in text(app)
    fakes.button(app, "run_influence").click().run()
    assert len(jobs(store)) == 2


def test_a_question_can_be_cancelled(store):
    app = linked(asking())
    fakes.button(app, "run_influence").click().run()
    fakes.button(app, "influence_cancel").click().run()
    assert jobs(store)[0].state == "cancelled" and "was cancelled" in text(app)


def test_a_page_opens_no_free_path(store):
    app = linked(asking("/etc/hostname"))
    assert "cannot open" in text(app)
    fakes.button(app, "run_influence").click().run()
    assert jobs(store) == []


def test_the_page_loads_no_torch():
    code = (
        "import sys\nfrom pages.influence import view\n"
        "print([n for n in ('torch', 'torchvision', 'lpips', 'skimage') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stderr[-500:]
