"""Files given to the updates page: what is refused, what is hostile, and what is found again by name."""

from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest

from gi_core.settings.recorded_round import Recorded
from pages.shared import link
from pages.shared.experiment import uploads
from pages.updates import names, question
from tests import pages_fakes as fakes
from tests.pages.opened import text, widget
from tests.pages.updates_page import answer, asked, content, given, looks, page, question_ref, run_button, upload

MARK = "it ran"


def test_another_network_is_one_sentence_that_lists_what_differs(store):
    problem = "checkpoint the uploaded file {} does not belong to this network: missing layer1.0.conv1.weight; not known to it conv0.weight"
    app = given(store)
    digest = question_ref(app, "checkpoint")[7:15]
    widget(app, "selectbox", "model").select("resnet18").run()

    answer(store, app, problem=problem.format(digest + "…"))
    assert "Checkpoint “r1_global.safetensors” does not belong to this network: missing layer1.0.conv1.weight" in text(
        app
    )
    assert "The files do not fit the network: choose it in step 2." in text(app) and run_button(app).disabled
    assert asked(app).model.classes == 5


@pytest.mark.parametrize("data", [b"", b"MZ\x90 not arrays", pickle.dumps({"weights": 1})])
def test_what_is_no_file_of_arrays_is_refused_at_the_door(store, gi_home, data):
    app = upload(page(), "update", "updates.npz", data)
    assert "give another one" in text(app) or "This is no file of arrays" in text(app)
    assert looks(store) == [] and not list((gi_home / "uploads").glob("[0-9a-f]*"))
    upload(app, "update", "better.npz", content())
    assert len(looks(store)) == 1 and "no file of arrays" not in text(app)


class Bomb:
    def __reduce__(self):
        return print, (MARK,)


def test_a_malicious_file_is_one_sentence_and_the_worker_goes_on(store, capsys):
    from gi_core.experiments.setup import Questions
    from gi_core.jobs.sink import Free
    from gi_core.workers import duties

    buffer, array = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array(array, np.array({"weights": Bomb()}, dtype=object), allow_pickle=bool(1))
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights.npy", array.getvalue())
    app = upload(page(), "update", "updates_evil.npz", buffer.getvalue())
    writer = fakes.writer(store)
    duties.do(writer.take(looks(store)[0].id), writer, Free(), Questions())
    app.run()
    assert looks(store)[0].state == "failed" and MARK not in capsys.readouterr().out
    assert "“updates_evil.npz” holds more than arrays" in text(app) and run_button(app).disabled
    assert "these files were refused" in text(app) and "what the client trained" not in text(app)
    assert text(app).count("Traceback") == 0
    fakes.button(app, "updates_remove_update").click().run()
    upload(app, "update", "updates_r1.npz", content())
    answer(store, app)
    assert "What is in the files" in text(app)


def test_values_that_are_not_finite_and_hostile_names_are_said_plainly(store):
    app = given(store, finite=False, not_finite=["<b>fc</b>.bias"], norm=None)
    assert "holds values that are not finite, in &lt;b&gt;fc&lt;/b&gt;.bias" in text(app) and run_button(app).disabled
    assert "not finite" in text(app)
    app = upload(page(), "update", "<img src=x>.npz", content(a=np.ones(3)))
    assert "<img src=x>" not in text(app) and "&lt;img src=x&gt;.npz" in text(app)


def test_a_file_can_be_taken_away_and_all_of_them(store):
    app = given(store)
    fakes.button(app, "updates_remove_checkpoint").click().run()
    assert asked(app).recorded is None and "Give the checkpoint too" in text(app)
    assert "updates_r1.npz" in text(app)
    fakes.button(app, "updates_clear").click().run()
    assert "What you need" in text(app) and asked(app) == question.FIRST


def test_files_given_before_are_found_by_name(store):
    given(store)
    app = page()
    box = app.selectbox(key="updates_kept_update")
    chosen = next(o for o in box.options if "updates_r1.npz" in o)
    box.select(chosen).run()
    assert len(looks(store)) and "updates_r1.npz" in text(app) and "Give the checkpoint too" in text(app)


def test_names_of_other_people_are_not_shown(store, monkeypatch):
    ref = uploads.keep_update(content())
    monkeypatch.setattr(names, "viewer", lambda: "a@x")
    names.remember(ref, "../../secret updates.npz", "update")
    assert names.of(ref) == "secret updates.npz" and len(names.kept("update")) == 1
    monkeypatch.setattr(names, "viewer", lambda: "b@x")
    assert names.kept("update") == [] and "secret" not in names.of(ref)


def test_a_link_with_a_free_path_is_refused(store):
    files = Recorded(checkpoint="/etc/hostname", update="/etc/passwd")
    app = page(experiment=link.encode(question.FIRST.model_copy(update={"recorded": files})))
    assert looks(store) == [] and not any(job.spec["recorded"] for job in store.jobs(kinds=("preview",)))
    assert "only as uploads" in text(app) and run_button(app).disabled


def test_uploads_are_bounded(store, gi_home, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_UPDATE_BYTES", 100)
    with pytest.raises(uploads.SpecError, match="at most"):
        uploads.keep_update(content())
    monkeypatch.setattr(uploads, "MOST_UPDATE_BYTES", 10**6)
    monkeypatch.setattr(uploads, "MOST_TOTAL_BYTES", 1000)
    first, second = (uploads.keep_update(content(a=np.full(200, k, np.float32))) for k in (1, 2))
    kept = {"upload:" + f.name for f in (gi_home / "uploads").glob("[0-9a-f]*")}
    assert second in kept and first not in kept
