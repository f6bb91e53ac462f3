"""The lab page without a browser: form, links, states, refusals."""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gi_core.jobs.store import Store
from gi_core.settings import Experiment, build
from pages.shared import link, session
from pages.shared.presets import presets
from tests import pages_fakes as fakes

ROOT = Path(__file__).resolve().parents[2]


class _Still:
    """A dispatcher that starts no worker."""

    def __init__(self, store):
        pass

    def ensure(self):
        pass

    def status(self):
        return {}


@pytest.fixture
def store(gi_home, monkeypatch):
    monkeypatch.setattr(session, "Dispatcher", _Still)
    session.dispatcher.clear()
    session._store.clear()
    yield Store()
    session._store.clear()
    session.dispatcher.clear()


def lab(**query) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def form(app: AppTest) -> Experiment:
    return app.session_state["form.experiment"]


def widget(app: AppTest, kind: str, name: str):
    """A widget of the form, whatever edition of it."""
    found = [w for w in app.get(kind) if w.key and w.key.partition(".")[2] == name]
    assert len(found) == 1, [w.key for w in app.get(kind)]
    return found[0]


def text(app: AppTest) -> str:
    return "\n".join(
        [
            *(h.value for h in app.html if not h.value.startswith("<style")),
            *(m.value for m in app.markdown),
            *(w.value for w in app.warning),
        ]
    )


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
    assert 6 <= len(presets()) <= 14
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
    assert app.query_params["run"] == job.id and job.spec["attack"]["kind"] == "levenberg_marquardt"
    assert "next in line" in text(app)
    second = lab()
    fakes.button(second, "run_attack").click().run()
    assert second.query_params["run"] == job.id, "the same experiment waits once, whoever looks"
    widget(second, "number_input", "seed.").set_value(7).run()
    fakes.button(second, "run_attack").click().run()
    assert "1 before it in the queue" in text(second) and len(store.jobs()) == 2


@pytest.mark.parametrize("state", ["queued", "running", "paused", "done", "failed", "cancelled"])
def test_every_state_of_a_run(store, state):
    run = fakes.run(store, state, error="the disk is full" if state == "failed" else None)
    app = lab(run=run)
    assert f"gi-{state}" in text(app)
    labels = {b.label for b in app.button}
    assert ("Pause" in labels) == (state == "running")
    assert ("Cancel" in labels) == (state in ("queued", "running", "paused"))
    assert ("Resume" in labels) == (state == "paused")
    assert ("Another seed" in labels) == (state in ("done", "failed", "cancelled"))
    if state == "done":
        assert "exact" in text(app).lower() and "60.0 dB" in text(app)
    if state == "failed":
        assert "the disk is full" in text(app)


def test_pause_shows_at_once_and_cancel_too(store):
    run = fakes.run(store, "running")
    app = lab(run=run)
    fakes.button(app, "pause").click().run()
    assert store.job(run).state == "pausing" and "pausing…" in text(app)
    fakes.button(app, "cancel").click().run()
    assert "cancelling…" in text(app)


def test_another_seed_is_a_new_run(store):
    run = fakes.run(store)
    app = lab(run=run)
    fakes.button(app, "again").click().run()
    newest = store.jobs()[0]
    assert newest.id != run and newest.spec["seed"] != store.job(run).spec["seed"]
    assert app.query_params["run"] == newest.id


def test_attackers_view_sends_no_truth(store):
    run = fakes.run(store)
    seen = lab(run=run, view="attacker")
    page = text(seen)
    assert "60.0 dB" not in page and "PSNR" not in page and "Astronaut" not in page
    viewer = next(c for c in seen.get("bidi_component") if '"frames"' in c.proto.json or "frames" in str(c.proto))
    assert '"original":null' in str(viewer.proto.json).replace(" ", "") or '"original": null' in str(viewer.proto)
    assert "stays unexplained" in page or "can be sure" in page


def test_presentation_hides_everything_else(store):
    app = lab(run=fakes.run(store), present="1")
    assert [b.label for b in app.button] == ["Leave presentation"]
    assert not app.selectbox and not app.number_input
    assert "Exact" in text(app)
    app.button(key="leave_present").click().run()
    assert "present" not in app.query_params


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
    assert form(app) == presets()[0].experiment and store.jobs() == []


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


def test_batches_show_all_pictures_or_one(store):
    samples = [f"bundled/faces:{k}" for k in range(4)]
    asked = build({"samples": samples, "attack": {"kind": "dlg", "labels": "known"}})
    run = fakes.run(store, experiment=asked)
    app = lab(run=run)
    app.get_by_key(f"picture_{run}").set_value(2).run()
    assert app.session_state["picture.chosen"] == (run, 2)
    assert form(app).samples == tuple(samples)


def test_overlay_is_part_of_the_link(store):
    one, two = fakes.run(store), fakes.run(store, seed=1)
    app = lab(run=one)
    app.selectbox(key="overlay_with").select(two).run()
    assert app.query_params["overlay"] == two
    assert not lab(run=one, overlay=two).exception


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
import tests.pages.test_lab as t
from pages.shared import session
from tests import pages_fakes as fakes
session.Dispatcher = t._Still

run = fakes.run(t.Store())
t.lab(), t.lab(run=run)
app = t.lab()
app.switch_page("pages/runs/page.py").run()
assert not app.exception
print([n for n in ("torch", "torchvision", "lpips", "skimage") if n in sys.modules])
"""
    program = program.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr[-2000:]


METER = {
    "level": "partly",
    "sentence": "Partly exposed: a likeness.",
    "reasons": ["a reason"],
    "error": 0.1,
    "refined": True,
}


def test_the_meter_shows_before_the_button_and_its_last_answer_waits_greyed(store):
    asked = presets()[0].experiment
    number = store.submit("preview", asked.model_dump(mode="json"), cache_key="preview:" + asked.key())
    out = fakes.writer(store)
    out.take(number)
    out.finish(number, "done", {"risk": METER, "problems": [], "notices": [], "seconds_estimate": 1.0})
    app = lab()
    assert "gi-meter gi-partly" in text(app) and "0.1 per pixel" in text(app) and "no floor" in text(app)
    widget(app, "pills", "defenses.update").set_value(["gaussian_noise"]).run()
    assert "gi-meter gi-partly gi-stale" in text(app)


def test_the_meter_is_judged_afterwards_but_not_in_the_attackers_view(store, monkeypatch):
    more = {
        "risk": {**METER, "right": True, "afterwards": "Measured 20.0 dB: a likeness came back."},
        "calibration": {"predicted_rmse": 0.0123, "predicted_rmse_with_prior": 0.012, "measured_rmse": 0.021},
    }
    plain = fakes.result
    monkeypatch.setattr(fakes, "result", lambda *given: plain(*given) | more)
    run = fakes.run(store)
    page = text(lab(run=run))
    assert "was right" in page and "<b>0.012</b>" in page and "<b>0.021</b>" in page
    hidden = text(lab(run=run, view="attacker"))
    assert "was right" not in hidden and "gi-meter gi-after" not in hidden
