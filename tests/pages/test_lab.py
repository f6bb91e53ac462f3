"""The lab page without a browser: form, links, states, refusals."""

from __future__ import annotations

import html
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from gi_core.settings import build
from gi_core.settings.presets import first_visit, presets
from pages.shared import link
from tests import pages_fakes as fakes
from tests.pages.opened import ROOT, form, lab, text, widget


def test_first_view_has_an_example_and_one_primary_button(store):
    app = lab()
    assert "An example, played back" in text(app)
    assert app.get("bidi_component"), "the viewer and the grid of samples are there"
    primary = [b for b in app.button if b.proto.type == "primary"]
    assert [b.label for b in primary] == ["Run attack"]
    assert "experiment" not in app.query_params and "run" not in app.query_params


def test_changing_a_setting_changes_the_link_and_a_refresh_keeps_it(store):
    app = lab()
    widget(app, "selectbox", "attack").select("dlg").run()
    widget(app, "number_input", "attack.trials.dlg").set_value(2).run()
    assert form(app).attack.kind == "dlg" and form(app).attack.trials == 2
    again = lab(experiment=app.query_params["experiment"])
    assert form(again) == form(app)


def test_what_was_set_on_an_attack_comes_back(store):
    app = lab()
    widget(app, "selectbox", "attack").select("levenberg_marquardt").run()
    widget(app, "number_input", "attack.iterations.levenberg_marquardt").set_value(17).run()
    widget(app, "selectbox", "attack").select("dlg").run()
    widget(app, "selectbox", "attack").select("levenberg_marquardt").run()
    assert form(app).attack.iterations == 17


def test_defenses_are_chips_with_strengths(store):
    app = lab()
    widget(app, "pills", "defenses.update").set_value(["gaussian_noise"]).run()
    widget(app, "number_input", "defenses.0.std.gaussian_noise").set_value(0.5).run()
    assert form(app).defenses[0].std == 0.5


@pytest.mark.parametrize("number", range(len(presets())))
def test_a_chip_fills_the_form_says_what_there_is_to_see_and_plays(store, number):
    assert 6 <= len(presets()) <= 22
    app, preset = lab(), presets()[number]
    app.button(key=f"preset_{number}").click().run()
    assert form(app) == preset.experiment
    (job,) = store.jobs()
    assert job.spec == preset.experiment.model_dump(mode="json") and app.query_params["run"] == job.id
    assert html.escape(preset.sentence) in text(app)
    app.button(key=f"preset_{number}").click().run()
    fakes.button(app, "run_attack").click().run()
    assert [one.id for one in store.jobs()] == [job.id], "the same experiment is not queued twice"


def test_a_chip_shows_the_run_that_is_there_and_another_chip_ends_the_one_that_it_started(store):
    run = fakes.run(store, experiment=presets()[1].experiment)
    app = lab()
    app.button(key="preset_1").click().run()
    assert app.query_params["run"] == run and len(store.jobs()) == 1
    app.button(key="preset_2").click().run()
    app.button(key="preset_3").click().run()
    states = {job.spec["attack"]["kind"] + str(job.spec.get("size")): job.state for job in store.jobs()}
    assert [job.state for job in store.jobs()] == ["queued", "cancelled", "done"], states


def test_the_button_queues_one_run_and_shows_it(store):
    app = lab()
    fakes.button(app, "run_attack").click().run()
    (job,) = store.jobs()
    assert app.query_params["run"] == job.id and job.spec["attack"]["kind"] == "auto"
    assert "next in line" in text(app)
    second = lab()
    fakes.button(second, "run_attack").click().run()
    assert second.query_params["run"] == job.id, "the same experiment waits once, whoever looks"
    widget(second, "number_input", "seed.").set_value(7).run()
    fakes.button(second, "run_attack").click().run()
    assert "1 before it in the queue" in text(second) and len(store.jobs()) == 2


@pytest.mark.parametrize(
    "query",
    [
        {"run": "../../etc/passwd"},
        {"run": "0" * 12},
        {"experiment": "not an experiment"},
        {"experiment": '{"attack": {"kind": "magic"}}'},
        {"experiment": "A" * 70_000},
    ],
)
def test_a_bad_link_is_one_sentence(store, query):
    app = lab(**query)
    assert len(app.warning) == 1 and "Traceback" not in app.warning[0].value
    assert form(app) == first_visit() and store.jobs() == []


@pytest.mark.parametrize(
    "experiment",
    [
        {"samples": ["/etc/passwd"]},
        {"samples": ["folder:/etc:0"]},
        {"weights": {"kind": "file", "path": "/etc/passwd"}},
        {"weights": {"kind": "trained", "data": "folder:/etc"}},
        {"attack": {"kind": "fl_gradient_inversion", "prior": "/etc/passwd"}},
        {"attack": {"kind": "fl_gradient_inversion", "prior": "folder:/etc:0"}},
        {"attack": {"kind": "dlg", "parametrisation": "generator", "generator": "/etc/passwd"}},
        {"attack": {"kind": "dlg", "parametrisation": "generator", "generator": "upload:../../etc/passwd"}},
        {"recorded": {"checkpoint": "/etc/passwd", "update": "upload:" + "0" * 64}},
        {"recorded": {"checkpoint": "upload:" + "0" * 64, "update": "/etc/passwd"}},
        {"recorded": {"checkpoint": "upload:" + "0" * 64, "update": "upload:" + "0" * 64, "statistics": "/etc/passwd"}},
        {"recorded": {"checkpoint": "upload:" + "0" * 64, "update": "upload:" + "0" * 64, "reference": "/etc/passwd"}},
    ],
)
def test_a_link_names_no_free_path_and_starts_nothing(store, experiment):
    app = lab(experiment=link.encode(build(experiment)))
    assert fakes.button(app, "run_attack").disabled
    assert "gi-problem" in text(app) and store.jobs(kinds=None) == []


def test_an_impossible_question_says_why_before_it_runs(store):
    app = lab(experiment='{"samples": ["bundled/faces:0", "bundled/faces:1"]}')
    assert fakes.button(app, "run_attack").disabled
    assert "reads one label" in text(app).lower() or "2 pictures" in text(app)


def test_user_text_is_escaped(store):
    run = fakes.run(store, title="<img src=x onerror=alert(1)>")
    page = text(lab(run=run))
    assert "<img src=x" not in page and "&lt;img src=x" in page


def test_sign_in_comes_first_where_it_is_configured(store):
    fakes.run(store, title="somebody's")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.user = {"is_logged_in": False}
    app.run()
    assert [b.label for b in app.button] == ["Sign in"]
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.user = {"is_logged_in": True, "email": "ada@example.com"}
    app.query_params["run"] = store.jobs()[0].id
    app.run()
    assert not app.exception and "somebody" not in text(app) and len(app.warning) == 1


def test_a_late_request_with_the_old_address_undoes_nothing(store):
    app = lab()
    widget(app, "selectbox", "attack").select("dlg").run()
    new = app.query_params["experiment"]
    del app.query_params["experiment"]
    app.run()
    assert form(app).attack.kind == "dlg"
    assert app.query_params["experiment"] == new


def test_pages_never_load_the_heavy_libraries(gi_home):
    program = """
import sys
sys.path.insert(0, {root!r})
from gi_core.jobs.store import Store
from pages.shared import session
from tests import pages_fakes as fakes
from tests.pages.opened import Still, lab, opened
session.Dispatcher = Still

run = fakes.run(Store())
lab(), lab(run=run), opened("runs")
print([n for n in ("torch", "torchvision", "lpips", "skimage") if n in sys.modules])
"""
    program = program.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr[-2000:]
