"""Rounds that are on this machine, and the example: from one click to the form, or to the attack."""

from __future__ import annotations

import json

import numpy as np

from gi_core.settings import build, read_experiment
from gi_core.settings.recorded_round import Recorded
from gi_core.update_files.writing import write_round
from pages.shared import session
from pages.updates import example, question, shelf
from tests import pages_fakes as fakes
from tests.pages.opened import text
from tests.pages.updates_page import asked, failed, looks, page, question_ref


def recorded(store, kind: str, names_: dict[str, str]) -> str:
    """A finished job with a round's files in its folder."""
    asked_ = example.ROUND if kind == "record" else None
    number = store.submit(kind, asked_.model_dump(mode="json") if asked_ else {}, title="Faces")
    if kind == "record":
        number = session.store().jobs(kinds=("record",))[0].id
    out = fakes.writer(store)
    out.take(number)
    round_files(out.folder(number), **names_)
    out.finish(number, "done", {"files": {}, "experiment": "experiment.json"})
    return number


def round_files(folder, name: str, document: str) -> None:
    before = {"fc.weight": np.ones((2, 3), np.float32)}
    files = write_round(folder, before, before, name=name)
    told_ = Recorded(**{part: str(path) for part, path in files.items()})
    asked_ = example.ROUND.model_copy(update={"recorded": told_, "samples": (question.COUNTS,)})
    (folder / document).write_text(asked_.to_json())


def test_a_round_of_a_federation_fills_the_form(store):
    name = "round_0002_client_005"
    recorded(store, "federation", {"name": name, "document": f"{name}_experiment.json"})
    (one,) = shelf.rounds()
    assert one.title.startswith("Round 2, client 5 · Faces")
    app = page()
    box = app.selectbox(key="updates_round")
    box.select_index(0).run()
    assert not app.exception and asked(app).attack == example.ROUND.attack
    assert question_ref(app, "update").startswith("upload:") and f"updates_{name}.npz" in text(app)
    assert looks(store)[0].spec["model"]["kind"] == example.ROUND.model.kind


def test_a_round_without_a_question_is_looked_into(store):
    number = store.submit("federation", {}, title="No attack")
    out = fakes.writer(store)
    out.take(number)
    round_files(out.folder(number), "round_0001_client_001", "elsewhere.json")
    out.finish(number, "done", {})
    app = page()
    box = app.selectbox(key="updates_round")
    box.select_index(0).run()
    assert looks(store)[0].spec == {"recorded": {"update": question_ref(app, "update")}}


def test_the_example_is_one_click_from_files_to_attack(store):
    app = page()
    app.button(key="updates_example").click().run()
    (job,) = store.jobs(kinds=("record",))
    assert build(job.spec) == example.ROUND and "Waiting for the worker" in text(app)
    assert app.button(key="updates_example").disabled
    out = fakes.writer(store)
    out.take(job.id)
    round_files(out.folder(job.id), "example", "experiment.json")
    out.finish(job.id, "done", {"files": {}, "experiment": "experiment.json"})
    app.run()
    assert not app.exception, app.exception
    (run,) = store.jobs()
    asked_ = read_experiment(json.dumps(run.spec))
    assert asked_.recorded.update.startswith("upload:") and asked_.attack == example.ROUND.attack
    assert "updates_example.npz" in text(app) and len(looks(store)) == 1
    app.run()
    assert len(store.jobs()) == 1, "once"


def test_an_example_that_failed_says_so(store):
    app = page()
    app.button(key="updates_example").click().run()
    failed(store, store.jobs(kinds=("record",))[0], "the disk is full: make room")
    app.run()
    assert "The disk is full: make room." in text(app) and not app.button(key="updates_example").disabled
