"""The updates page without a browser: giving files, what is in them, refusals, the example, and the attack."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

from gi_core.cli import invert
from gi_core.cli.parser import parse
from gi_core.settings import build
from pages.shared import words
from pages.updates import question
from pages.updates.inside import figures
from tests import pages_fakes as fakes
from tests.pages.opened import ROOT, charts, text, widget
from tests.pages.updates_page import answer, asked, content, given, looked_into, looks, page, run_button, upload


def test_a_newcomer_is_told_what_is_needed_and_nothing_runs(store):
    app = page()
    assert "What you need" in text(app) and "nothing in them is ever run" in text(app)
    assert "Give the update and the checkpoint in step 1, or take the example." in text(app)
    assert run_button(app).disabled and store.jobs(kinds=("run", "inspect", "record")) == []
    assert {f.label for f in app.file_uploader} >= {"Update", "Checkpoint", "Batch norm statistics"}


def test_an_update_is_looked_into_and_its_network_guessed(store, gi_home):
    app = upload(page(), "update", "updates_r1.npz", content())
    (job,) = looks(store)
    ref = job.spec["recorded"]["update"]
    assert job.spec == {"recorded": {"update": ref}} and ref.startswith("upload:") and job.lane == "reading"
    assert (gi_home / "uploads" / ref.removeprefix("upload:")).read_bytes() == content()
    assert "Waiting for the worker" in text(app)
    out = fakes.writer(store)
    out.take(job.id)
    app.run()
    assert "A worker looks into the files" in text(app)
    out.finish(job.id, "done", looked_into(job.spec))
    app.run()
    answer(store, app)
    now = asked(app)
    assert now.model == build({"model": {"kind": "convnet", "width": 8, "depth": 2, "classes": 5}}).model
    assert (now.size, now.channels, now.client.epochs) == (32, 3, 2)
    assert now.client.batch_norm == "train" and now.client.statistics == "shared"
    assert "Give the checkpoint too" in text(app) and run_button(app).disabled
    second = looks(store)[0]
    assert second.spec["model"]["kind"] == "convnet" and "updates_r1.npz" in text(app)


def test_what_is_in_the_files_is_shown(store):
    app = given(store)
    page_ = text(app)
    assert (
        "2,245" in page_
        and "worked out: checkpoint + update" in page_
        and "✓ The files fit. Names: prefix model." in page_
    )
    assert "Batch norm counted <b>2 steps</b>" in page_
    (bars,) = charts(app)["Change of each layer in the update"]["data"]
    assert [name.partition(" ")[0] for name, _ in bars["customdata"]] == ["conv0", "bn0", "conv1", "bn1", "fc"]
    assert bars["customdata"][0] == ["conv0 (4 %)", pytest.approx(np.hypot(0.5, 0.25))]


def test_the_attack_is_a_run_of_the_recorded_update_with_uploads_only(store):
    app = given(store)
    assert not run_button(app).disabled
    preview = store.jobs(kinds=("preview",))[0]
    risk = {
        "level": "exposed",
        "sentence": "exposed: one picture, one gradient",
        "reasons": ["one picture"],
        "error": None,
    }
    out = fakes.writer(store)
    out.take(preview.id)
    out.finish(preview.id, "done", {"problems": [], "notices": [], "risk": risk, "seconds_estimate": 12.0})
    app.run()
    assert "gi-exposure" in text(app) and "<li>One picture.</li>" in text(app)
    run_button(app).click().run()
    (job,) = store.jobs()
    recorded = job.spec["recorded"]
    assert all(recorded[part].startswith("upload:") for part in ("update", "checkpoint")) and recorded["images"] == 1
    assert job.title.startswith("Recorded update") and app.query_params["run"] in (job.id, [job.id])
    assert "Waiting for the worker" in text(app) and "What is in the files" in text(app)
    assert "gi-exposure" not in text(app)


def test_a_finished_run_is_shown_from_its_link_with_its_files(store):
    app = given(store)
    run = fakes.run(store, experiment=asked(app))
    again = page(run=run)
    assert asked(again) == asked(app) and "updates_r1.npz" in text(again)
    assert [c for c in again.get("bidi_component") if '"frames"' in str(c.proto.json)]
    assert any("Open in the lab" in str(link_.proto) for link_ in again.get("page_link"))


def test_another_update_leaves_the_run_before(store):
    app = given(store)
    app = page(run=fakes.run(store, experiment=asked(app)))
    fakes.button(app, "updates_clear").click().run()
    assert "run" not in app.query_params and "What you need" in text(app)
    assert not app.get("page_link") and asked(app) == question.FIRST


def test_a_drawn_network_is_given_as_its_file(store):
    app = given(store)
    widget(app, "selectbox", "model").select("custom").run()
    app.file_uploader(key="updates_network").set_value(("n.json", b'{"layers": 3}', "application/json")).run()
    assert "This file is not a network" in text(app)
    rows = {"layers": [{"kind": "conv", "channels": 7, "batch_norm": True}]}
    app.file_uploader(key="updates_network").set_value(("n.json", json.dumps(rows).encode(), "application/json")).run()
    assert not app.exception and asked(app).model.layers[0].channels == 7 and asked(app).model.classes == 5
    assert "conv 7, 3×3" in text(app) and looks(store)[0].spec["model"]["layers"][0]["channels"] == 7


def test_what_the_files_do_not_say_is_asked_with_defaults(store):
    app = given(store)
    widget(app, "number_input", "images").set_value(3).run()
    now = asked(app)
    assert now.recorded.images == 3 and len(now.samples) == 3
    widget(app, "number_input", "client.learning_rate").set_value(0.2).run()
    widget(app, "text_input", "labels").set_value("1, 0, 2").run()
    assert asked(app).client.learning_rate == 0.2 and asked(app).labels == (1, 0, 2)
    widget(app, "text_input", "size").set_value("28").run()
    widget(app, "button_group", "sent").set_value("fedsgd").run()
    now = asked(app)
    assert now.size == 28 and now.client.kind == "fedsgd" and now.client.batch_norm == "train"
    for kind, box in (("text_input", "size"), ("number_input", "images")):
        assert widget(app, kind, box).help


def test_a_prior_survives_another_attack_in_between(store):
    app = given(store)
    widget(app, "selectbox", "attack.prior").select("bundled/coffee").run()
    assert asked(app).attack.prior == "bundled/coffee"
    widget(app, "selectbox", "attack").select("inverting_gradients").run()
    widget(app, "selectbox", "attack").select("fl_gradient_inversion").run()
    assert asked(app).attack.prior == "bundled/coffee"


@pytest.mark.parametrize("client", [{}, {"epochs": 3, "statistics": "withheld"}, {"batch_norm": "eval"}])
def test_the_command_line_asks_the_same_question(client):
    files = {
        part: "upload:" + f"{k:064d}" for k, part in enumerate(("checkpoint", "update", "statistics", "reference"))
    }
    values = question.FIRST.model_dump(mode="json")
    values |= {
        "recorded": {**files, "images": 2},
        "samples": [question.COUNTS] * 2,
        "labels": [0, 1],
        "size": 64,
        "seed": 3,
    }
    values |= {"seconds": 20.0, "normalise": "imagenet", "client": {**values["client"], **client}}
    values["attack"] = {**values["attack"], "labels": "known", "prior": "bundled/coffee", "iterations": 7}
    wanted = build(values)
    typed = shlex.split(words.command(wanted))
    assert typed[:4] == ["python", "-m", "gi_core", "invert"]
    assert invert.experiment(parse(typed[3:])) == wanted


def test_figures_of_an_update_that_tells_little():
    found = looked_into(
        {"recorded": {}}, steps=None, classes=None, statistics={"present": False, "from": "none", "entries": 0}
    )
    shown = {title: value for title, value, _ in figures(found)}
    assert shown["Layers"] == "3" and shown["Steps of training"] == shown["Classes"] == "unknown"
    assert shown["Batch norm statistics"] == "none" and shown["Names"] == "not matched"


def test_the_page_loads_no_torch():
    code = (
        "import sys\nfrom pages.updates import view\n"
        "print([n for n in ('torch', 'torchvision', 'lpips', 'skimage') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stderr[-500:]
