"""Runs in the lab: their states, controls and views, and the meter before and after them."""

from __future__ import annotations

import base64

import pytest

from gi_core.settings import build
from gi_core.settings.presets import first_visit
from tests import pages_fakes as fakes
from tests.pages.opened import form, lab, text, widget


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
    assert "stays unexplained" in page or "Matched" in page


def test_presentation_hides_everything_else(store):
    app = lab(run=fakes.run(store), present="1")
    assert [b.label for b in app.button] == ["Leave presentation"]
    assert not app.selectbox and not app.number_input
    assert "Exact" in text(app)
    app.button(key="leave_present").click().run()
    assert "present" not in app.query_params


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


METER = {
    "level": "partly",
    "sentence": "Partly exposed: a likeness.",
    "reasons": ["a reason"],
    "error": 0.1,
    "refined": True,
}


def test_the_meter_shows_before_the_button_and_its_last_answer_waits_greyed(store):
    asked = first_visit()
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


@pytest.mark.parametrize("view", ["", "attacker"])
def test_a_twin_and_the_ceiling_stand_in_both_views(store, monkeypatch, view):
    made = fakes.result
    sentence = "Matched, not unique: 3 of 9 directions of the picture do not show in the update."
    bracket = {
        "candidates": 200, "ceiling": 0.28, "sentence": "At most 28 % of the time.", "floor": 0.01, "floor_low": 0.0,
        "floor_high": 0.02, "draws": 20_000, "measured": "One in a hundred.",
    }  # fmt: skip

    def with_certainty(*arguments):
        document = made(*arguments)
        document["attacker"]["certainty"] = {
            "unique": False, "free_directions": 3, "directions": 9, "error_to_expect": 0.2, "sentence": sentence,
            "twin": {"file": "twin.png", "apart": 0.3, "residual": 1e-7},
        }  # fmt: skip
        return {**document, "bracket": bracket}

    monkeypatch.setattr(fakes, "result", with_certainty)
    run = fakes.run(store)
    assert "Two pictures, one update" not in text(lab(run=run))  # the picture is not there
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
    (store.path(run) / "twin.png").write_bytes(base64.b64decode(pixel))
    page = text(lab(run=run, **({"view": view} if view else {})))
    assert (
        "Two pictures, one update" in page and "3 of 9 directions" in page and "Leak bracket" in page and "28 %" in page
    )
