"""The rank page without a browser: counting, drawing, files, links, the recursion's strip."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from gi_core.figures import rank as rank_chart
from gi_core.settings import MODELS, build
from pages.rank import examples
from pages.shared import link
from pages.shared.rank import question, summary
from tests import pages_fakes as fakes
from tests.pages.opened import lab, text, widget
from tests.pages.rank_page import CONV, asked, rank, rows, strip


def test_the_first_view_gives_a_verdict_a_chart_and_a_table(store):
    app = rank()
    page = text(app)
    assert "gi-exact" in page and "<h2>Exact</h2>" in page
    assert [c["name"] for c in strip(app)["cards"]] == ["fc", *(f"conv{k}" for k in range(6, 0, -1))]
    assert len(app.dataframe[0].value) == 7
    assert [b.label for b in app.button if b.proto.type == "primary"] == ["Run R-GAP"]
    assert store.jobs() == [] and "experiment" not in app.query_params


@pytest.mark.parametrize("number", range(len(examples.EXAMPLES)))
def test_every_example_is_counted(store, number):
    app = rank()
    app.button(key=f"example_{number}").click().run()
    assert not app.exception and "gi-problem" not in text(app)


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "custom"])
def test_every_network_is_counted_or_says_why_not(store, kind):
    app = rank(experiment=link.encode(build({"size": 32, "channels": 3, "model": {"kind": kind}})))
    assert "gi-answer" in text(app) and not app.exception


def test_predicted_deficiency_of_cnn6_d(store):
    app = rank()
    app.button(key="example_1").click().run()
    assert "gi-optimisation" in text(app) and "280" in text(app)
    cards = {c["name"]: c for c in strip(app)["cards"]}
    assert cards["conv2"]["flag"] == "breaks here (predicted)" and cards["conv1"]["tone"] == "after"
    assert [b.label for b in app.button if b.proto.type == "primary"] == ["Run R-GAP, then matching"]


def test_each_change_counts_at_once_and_goes_into_the_link(store):
    app = rank()
    widget(app, "segmented_control", "drawn").set_value("drawn").run()
    assert rows(app) == ["conv"] * 6, "a copy of what was shown"
    widget(app, "number_input", "model.layers.1.channels.conv").set_value(20).run()
    assert "gi-optimisation" in text(app) and "280" in text(app)
    again = rank(experiment=app.query_params["experiment"])
    assert asked(again) == asked(app) and "280" in text(again)
    widget(app, "segmented_control", "drawn").set_value("known").run()
    assert asked(app).model.kind == "cnn6"
    widget(app, "segmented_control", "drawn").set_value("drawn").run()
    assert asked(app).model.layers[1].channels == 20, "the drawing comes back"


def test_measuring_is_a_job_whose_ranks_stand_beside_the_counted(store):
    app = rank()
    counted = question.report(question.FIRST).to_json()
    fakes.button(app, "rank_measure").click().run()
    jobs = store.jobs(kinds=("rank",))
    assert len(jobs) == 1 and jobs[0].spec["input"] == [3, 32, 32]
    counted["layers"][1] |= {"rank": 3467, "condition": 12.0}
    out = fakes.writer(store)
    out.take(jobs[0].id)
    out.finish(jobs[0].id, "done", counted, None)
    app.run()
    assert "differ at conv2" in text(app) and not fakes.button(app, "rank_measure").disabled
    assert app.dataframe[0].value["measured"][1] == "3467 ≠ 3468"


def test_rounds_are_a_job_whose_answer_is_about_what_the_form_shows(store):
    app = rank()
    fakes.button(app, "rank_rounds_ask").click().run()
    (job,) = store.jobs(kinds=("rank",))
    assert (job.spec["rounds"], job.spec["rate"]) == (4, 0.1)
    rows = [{"rounds": n, "rank": r, "expected_error": e, "exact": r == 9} for n, r, e in ((1, 5, 0.2), (2, 9, 1e-5))]
    found = {"directions": 9, "asked": 4, "rate": 0.1, "exact_after": 2, "rounds": rows, "sentence": "Exact after 2."}
    out = fakes.writer(store)
    out.take(job.id)
    out.finish(job.id, "done", {"rounds": found}, None)
    app.run()
    assert "Exact after 2." in text(app) and app.dataframe[1].value["open"].tolist() == [4, 0]
    widget_ = next(n for n in app.number_input if n.key == "rank_rounds_most")
    widget_.set_value(2).run()
    assert "Exact after 2." not in text(app), "it was asked of 4 rounds"


def test_the_chart_covers_each_layers_unknowns():
    for kind in ("cnn6", "cnn6_d", "resnet20", "convnet"):
        for layer in question.report(build({"size": 32, "channels": 3, "model": {"kind": kind}})).layers:
            parts = rank_chart.parts(asdict(layer))
            assert sum(parts.values()) == layer.unknowns and min(parts.values()) >= 0, (kind, layer)


def test_the_lab_takes_a_drawn_network_and_says_what_it_is(store):
    asked_ = build({"model": {"kind": "custom", "layers": [CONV, {"kind": "dense"}]}, "attack": {"kind": "rgap"}})
    page = text(lab(experiment=link.encode(asked_)))
    assert summary.line(asked_.model.layers[0]) in page and "dense 100" in page


@pytest.mark.parametrize("kind", ["analytic_linear", "rgap", "rgap_hybrid", "peeling"])
def test_the_lab_offers_the_closed_forms(store, kind):
    app = lab()
    widget(app, "selectbox", "attack").select(kind).run()
    assert not app.exception and app.session_state["form.experiment"].attack.kind == kind


def test_lab_and_rank_page_keep_their_own_forms(store):
    app = rank()
    app.button(key="example_1").click().run()
    app.query_params.clear()  # as a browser does on another page
    app.switch_page("pages/lab/page.py").run()
    assert app.session_state["form.experiment"].model.kind == "lenet"
    app.query_params.clear()
    app.switch_page("pages/rank/page.py").run()
    assert asked(app).model.kind == "cnn6_d" and "experiment" in app.query_params
