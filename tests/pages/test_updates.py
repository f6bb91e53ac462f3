"""The updates page without a browser: giving files, what is in them, refusals, the example, and the attack."""

from __future__ import annotations

import io
import json
import pickle
import shlex
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gi_core.cli import invert
from gi_core.cli.parser import parse
from gi_core.jobs.job import Job
from gi_core.settings import build, read_experiment
from gi_core.settings.recorded_round import Recorded
from gi_core.update_files.writing import write_round
from pages.shared import link, session, words
from pages.shared.experiment import uploads
from pages.updates import example, names, question, shelf
from pages.updates.inside import figures
from tests import pages_fakes as fakes
from tests.pages.test_lab import ROOT, store, text, widget  # noqa: F401  (store is a fixture)

LAYERS = {
    "conv0.weight": (8, 3, 3, 3), "conv0.bias": (8,), "bn0.weight": (8,), "bn0.bias": (8,), "bn0.running_mean": (8,),
    "bn0.running_var": (8,), "bn0.num_batches_tracked": (), "conv1.weight": (16, 8, 3, 3), "conv1.bias": (16,),
    "bn1.weight": (16,), "bn1.bias": (16,), "bn1.running_mean": (16,), "bn1.running_var": (16,),
    "bn1.num_batches_tracked": (), "fc.weight": (5, 144), "fc.bias": (5,),
}  # fmt: skip
MARK = "it ran"


def page(**query) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.run()
    app.switch_page("pages/updates/page.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def content(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **(arrays or {"conv0.weight": np.ones((8, 3, 3, 3), np.float32)}))
    return buffer.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


def upload(app: AppTest, part: str, name: str, data: bytes) -> AppTest:
    app.file_uploader(key=f"updates_{part}").set_value((name, data, "application/octet-stream")).run()
    assert not app.exception, app.exception
    return app


def looks(store) -> list[Job]:  # noqa: F811
    return store.jobs(kinds=("inspect",))


def told(spec: dict, **more) -> dict:
    """What a worker answers about a ConvNet's update, with the network if it was asked about one."""
    whole = "checkpoint" in spec["recorded"]
    layers = [
        {
            "name": name, "file_name": "model." + name, "shape": list(shape), "values": int(np.prod(shape)), "norm": 0.5 / (k + 1),
            "relative": 0.05 / (k + 1) if whole and "running" not in name else None, "buffer": "running" in name or "tracked" in name,
        }
        for k, (name, shape) in enumerate(LAYERS.items())
    ]  # fmt: skip
    return {
        "status": "done", "layers": layers, "parameters": 2245, "norm": 0.47, "finite": True, "not_finite": [], "classes": 5,
        "channels": 3, "steps": 2, "learning_rate": None, "scheme": "prefix model." if "model" in spec else None,
        "checkpoint_scheme": "prefix model." if whole else None, "problem": None, "notices": [],
        "statistics": {"present": True, "from": "change", "entries": 4}, **more,
    }  # fmt: skip


def answer(store, app: AppTest, **more) -> AppTest:  # noqa: F811
    """Answer every look into the files that waits, as a worker would, until none is asked for any more."""
    for _ in range(4):
        waiting = [job for job in looks(store) if not job.over]
        if not waiting:
            break
        for job in waiting:
            out = fakes.writer(store)
            out.take(job.id)
            out.finish(job.id, "done", told(job.spec, **more))
        app.run()
        assert not app.exception, app.exception
    return app


def given(store, **more) -> AppTest:  # noqa: F811
    """A page with an update and its checkpoint, looked into."""
    app = upload(page(), "update", "updates_r1.npz", content())
    answer(store, app, **more)
    upload(app, "checkpoint", "r1_global.safetensors", safetensors())
    return answer(store, app, **more)


def asked(app: AppTest):
    return app.session_state["updates.experiment"]


def run_button(app: AppTest):
    return fakes.button(app, "run_attack")


def failed(store, job: Job, error: str) -> None:  # noqa: F811
    out = fakes.writer(store)
    out.take(job.id)
    out.finish(job.id, "failed", error=error)


def test_a_newcomer_is_told_what_is_needed_and_nothing_runs(store):  # noqa: F811
    app = page()
    assert "What you need" in text(app) and "nothing in them is ever run" in text(app)
    assert "Give the update and the checkpoint in step 1, or take the example." in text(app)
    assert run_button(app).disabled and store.jobs(kinds=("run", "inspect", "record")) == []
    assert {f.label for f in app.file_uploader} >= {"Update", "Checkpoint", "Batch norm statistics"}


def test_an_update_is_looked_into_and_its_network_guessed(store, gi_home):  # noqa: F811
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
    out.finish(job.id, "done", told(job.spec))
    app.run()
    answer(store, app)
    now = asked(app)
    assert now.model == build({"model": {"kind": "convnet", "width": 8, "depth": 2, "classes": 5}}).model
    assert (now.size, now.channels, now.client.epochs) == (32, 3, 2)
    assert now.client.batch_norm == "train" and now.client.statistics == "shared"
    assert "Give the checkpoint too" in text(app) and run_button(app).disabled
    second = looks(store)[0]
    assert second.spec["model"]["kind"] == "convnet" and "updates_r1.npz" in text(app)


def test_what_is_in_the_files_is_shown(store):  # noqa: F811
    app = given(store)
    page_ = text(app)
    assert (
        "2,245" in page_
        and "worked out: checkpoint + update" in page_
        and "✓ The files fit. Names: prefix model." in page_
    )
    assert "Batch norm counted <b>2 steps</b>" in page_
    (chart,) = [c for c in app.get("echarts_chart") if c.proto.alt.startswith("Change of each layer")]
    option = json.loads(chart.proto.spec)
    assert [name.partition(" ")[0] for name in option["xAxis"]["data"]] == ["conv0", "bn0", "conv1", "bn1", "fc"]
    assert option["xAxis"]["data"][0] == "conv0 (4 %)"
    assert option["series"][0]["data"][0][2] == pytest.approx(np.hypot(0.5, 0.25))


def test_the_attack_is_a_run_of_the_recorded_update_with_uploads_only(store):  # noqa: F811
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


def test_a_finished_run_is_shown_from_its_link_with_its_files(store):  # noqa: F811
    app = given(store)
    run = fakes.run(store, experiment=asked(app))
    again = page(run=run)
    assert asked(again) == asked(app) and "updates_r1.npz" in text(again)
    assert [c for c in again.get("bidi_component") if '"frames"' in str(c.proto.json)]
    assert any("Open in the lab" in str(link_.proto) for link_ in again.get("page_link"))


def test_another_network_is_one_sentence_that_lists_what_differs(store):  # noqa: F811
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


def question_ref(app: AppTest, part: str) -> str:
    return getattr(asked(app).recorded, part)


@pytest.mark.parametrize("data", [b"", b"MZ\x90 not arrays", pickle.dumps({"weights": 1})])
def test_what_is_no_file_of_arrays_is_refused_at_the_door(store, gi_home, data):  # noqa: F811
    app = upload(page(), "update", "updates.npz", data)
    assert "give another one" in text(app) or "This is no file of arrays" in text(app)
    assert looks(store) == [] and not list((gi_home / "uploads").glob("[0-9a-f]*"))
    upload(app, "update", "better.npz", content())
    assert len(looks(store)) == 1 and "no file of arrays" not in text(app)


class Bomb:
    def __reduce__(self):
        return print, (MARK,)


def test_a_malicious_file_is_one_sentence_and_the_worker_goes_on(store, capsys):  # noqa: F811
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


def test_values_that_are_not_finite_and_hostile_names_are_said_plainly(store):  # noqa: F811
    app = given(store, finite=False, not_finite=["<b>fc</b>.bias"], norm=None)
    assert "holds values that are not finite, in &lt;b&gt;fc&lt;/b&gt;.bias" in text(app) and run_button(app).disabled
    assert "not finite" in text(app)
    app = upload(page(), "update", "<img src=x>.npz", content(a=np.ones(3)))
    assert "<img src=x>" not in text(app) and "&lt;img src=x&gt;.npz" in text(app)


def test_a_file_can_be_taken_away_and_all_of_them(store):  # noqa: F811
    app = given(store)
    fakes.button(app, "updates_remove_checkpoint").click().run()
    assert asked(app).recorded is None and "Give the checkpoint too" in text(app)
    assert "updates_r1.npz" in text(app)
    fakes.button(app, "updates_clear").click().run()
    assert "What you need" in text(app) and asked(app) == question.FIRST


def test_another_update_leaves_the_run_before(store):  # noqa: F811
    app = given(store)
    app = page(run=fakes.run(store, experiment=asked(app)))
    fakes.button(app, "updates_clear").click().run()
    assert "run" not in app.query_params and "What you need" in text(app)
    assert not app.get("page_link") and asked(app) == question.FIRST


def test_a_drawn_network_is_given_as_its_file(store):  # noqa: F811
    app = given(store)
    widget(app, "selectbox", "model").select("custom").run()
    app.file_uploader(key="updates_network").set_value(("n.json", b'{"layers": 3}', "application/json")).run()
    assert "This file is not a network" in text(app)
    rows = {"layers": [{"kind": "conv", "channels": 7, "batch_norm": True}]}
    app.file_uploader(key="updates_network").set_value(("n.json", json.dumps(rows).encode(), "application/json")).run()
    assert not app.exception and asked(app).model.layers[0].channels == 7 and asked(app).model.classes == 5
    assert "conv 7, 3×3" in text(app) and looks(store)[0].spec["model"]["layers"][0]["channels"] == 7


def test_what_the_files_do_not_say_is_asked_with_defaults(store):  # noqa: F811
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


def test_a_prior_survives_another_attack_in_between(store):  # noqa: F811
    app = given(store)
    widget(app, "selectbox", "attack.prior").select("bundled/coffee").run()
    assert asked(app).attack.prior == "bundled/coffee"
    widget(app, "selectbox", "attack").select("inverting_gradients").run()
    widget(app, "selectbox", "attack").select("fl_gradient_inversion").run()
    assert asked(app).attack.prior == "bundled/coffee"


def test_files_given_before_are_found_by_name(store):  # noqa: F811
    given(store)
    app = page()
    box = app.selectbox(key="updates_kept_update")
    chosen = next(o for o in box.options if "updates_r1.npz" in o)
    box.select(chosen).run()
    assert len(looks(store)) and "updates_r1.npz" in text(app) and "Give the checkpoint too" in text(app)


def test_names_of_other_people_are_not_shown(store, monkeypatch):  # noqa: F811
    ref = uploads.keep_update(content())
    monkeypatch.setattr(names, "viewer", lambda: "a@x")
    names.remember(ref, "../../secret updates.npz", "update")
    assert names.of(ref) == "secret updates.npz" and len(names.kept("update")) == 1
    monkeypatch.setattr(names, "viewer", lambda: "b@x")
    assert names.kept("update") == [] and "secret" not in names.of(ref)


def recorded(store, kind: str, names_: dict[str, str]) -> str:  # noqa: F811
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


def test_a_round_of_a_federation_fills_the_form(store):  # noqa: F811
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


def test_a_round_without_a_question_is_looked_into(store):  # noqa: F811
    number = store.submit("federation", {}, title="No attack")
    out = fakes.writer(store)
    out.take(number)
    round_files(out.folder(number), "round_0001_client_001", "elsewhere.json")
    out.finish(number, "done", {})
    app = page()
    box = app.selectbox(key="updates_round")
    box.select_index(0).run()
    assert looks(store)[0].spec == {"recorded": {"update": question_ref(app, "update")}}


def test_the_example_is_one_click_from_files_to_attack(store):  # noqa: F811
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


def test_an_example_that_failed_says_so(store):  # noqa: F811
    app = page()
    app.button(key="updates_example").click().run()
    failed(store, store.jobs(kinds=("record",))[0], "the disk is full: make room")
    app.run()
    assert "The disk is full: make room." in text(app) and not app.button(key="updates_example").disabled


def test_a_link_with_a_free_path_is_refused(store):  # noqa: F811
    files = Recorded(checkpoint="/etc/hostname", update="/etc/passwd")
    app = page(experiment=link.encode(question.FIRST.model_copy(update={"recorded": files})))
    assert looks(store) == [] and not any(job.spec["recorded"] for job in store.jobs(kinds=("preview",)))
    assert "only as uploads" in text(app) and run_button(app).disabled


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
    found = told(
        {"recorded": {}}, steps=None, classes=None, statistics={"present": False, "from": "none", "entries": 0}
    )
    shown = {title: value for title, value, _ in figures(found)}
    assert shown["Layers"] == "3" and shown["Steps of training"] == shown["Classes"] == "unknown"
    assert shown["Batch norm statistics"] == "none" and shown["Names"] == "not matched"


def test_uploads_are_bounded(store, gi_home, monkeypatch):  # noqa: F811
    monkeypatch.setattr(uploads, "MOST_UPDATE_BYTES", 100)
    with pytest.raises(uploads.SpecError, match="at most"):
        uploads.keep_update(content())
    monkeypatch.setattr(uploads, "MOST_UPDATE_BYTES", 10**6)
    monkeypatch.setattr(uploads, "MOST_TOTAL_BYTES", 1000)
    first, second = (uploads.keep_update(content(a=np.full(200, k, np.float32))) for k in (1, 2))
    kept = {"upload:" + f.name for f in (gi_home / "uploads").glob("[0-9a-f]*")}
    assert second in kept and first not in kept


def test_the_page_loads_no_torch():
    code = (
        "import sys\nfrom pages.updates import view\n"
        "print([n for n in ('torch', 'torchvision', 'lpips', 'skimage') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stderr[-500:]
