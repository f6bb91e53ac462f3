"""The federation page without a browser: asking, watching, the charts, and opening a round in the lab."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gi_core.experiments.federation import opening
from gi_core.jobs.job import Job
from gi_core.settings import Experiment
from gi_core.settings.federation import build_federation
from gi_core.settings.recorded_round import Recorded
from pages.federation import gallery, question
from pages.federation.examples import EXAMPLES
from pages.federation.reading import Found, sentence
from pages.shared import link
from tests import pages_fakes as fakes
from tests.pages.opened import charts, opened, text, widget


@pytest.fixture(autouse=True)
def forget():
    """What the page keeps of pictures belongs to one test."""
    gallery._read.clear()


def page(**query) -> AppTest:
    return opened("federation", **query)


def address(app: AppTest, name: str) -> str:
    value = app.query_params[name]
    return value if isinstance(value, str) else value[0]


def jobs(store) -> list[Job]:
    return store.jobs(kinds=("federation",))


def one(client: int, number: int, pictures: int = 1, **more) -> dict:
    """What a round says of an attacked client."""
    half = 0.3 if pictures > 1 else 0.0
    mean = 0.5 * number
    name = f"round_{number:04d}_client_{client:03d}"
    return {
        "client": client, "pictures": pictures, "measure": "rdlv", "rdlv_mean": mean, "rdlv_low": mean - half,
        "rdlv_high": mean + half, "note": "", "ssim": 0.3 * number, "psnr": 10.0 * number,
        "labels": {"true": [0], "recovered": [0], "accuracy": 1.0},
        "shown": {"found": f"{name}_found.png", "original": f"{name}_original.png", "shown": [0]},
        "files": {"experiment": f"{name}_experiment.json"}, **more,
    }  # fmt: skip


def found(rounds: int, **more) -> dict:
    """What a worker tells after so many rounds."""
    entries = [
        {"round": k, "accuracy": 0.5 + 0.1 * k, "loss": 0.7 - 0.1 * k, "clients": [one(4, k, 8), one(5, k)]}
        for k in range(1, rounds + 1)
    ]
    clients = [{"client": k, "pictures": n, "labels": {"face": n}} for k, n in enumerate((40, 40, 40, 8, 1), 1)]
    start = {"accuracy": 0.5, "loss": 0.7}
    return {"start": start, "rounds": entries, "clients": clients, "notices": [], **more}


def files(folder, rounds: int) -> None:
    """Pictures and recorded updates of client 5."""
    for k in range(1, rounds + 1):
        for client in (4, 5):
            name = f"round_{k:04d}_client_{client:03d}"
            for word in ("found", "original"):
                Image.fromarray(np.full((5, 5), 40 * k, np.uint8)).save(folder / f"{name}_{word}.png")
            (folder / f"{name}_global.safetensors").write_bytes(b"weights %d" % k)
            (folder / f"updates_{name}.npz").write_bytes(b"update %d" % k)
            recorded = Recorded(
                checkpoint=str(folder / f"{name}_global.safetensors"), update=str(folder / f"updates_{name}.npz")
            )
            asked = question.bare(question.FIRST).model_copy(update={"recorded": recorded})
            (folder / f"{name}_experiment.json").write_text(asked.to_json())


def started(store) -> tuple[AppTest, Job, object]:
    app = page()
    fakes.button(app, "run_federation").click().run()
    (job,) = jobs(store)
    out = fakes.writer(store)
    out.take(job.id)
    return app, job, out


def answered(store, rounds: int = 2, **more) -> tuple[AppTest, Job]:
    app, job, out = started(store)
    files(out.folder(job.id), rounds)
    out.finish(job.id, "done", found(rounds, **more))
    app.run()
    assert not app.exception, app.exception
    return app, job


def test_a_newcomer_is_told_what_happens_and_nothing_runs_unasked(store):
    app = page()
    assert jobs(store) == [] and "A client with one picture has nobody to hide behind" in text(app)
    assert [b.label for b in app.button if b.proto.type == "primary"] == ["Run the federation"]
    assert "5 rounds of 5 clients, 10 attacks." in text(app)
    fakes.button(app, "run_federation").click().run()
    (job,) = jobs(store)
    assert build_federation(job.spec) == question.FIRST and job.lane == "interactive"
    assert address(app, "job") == job.id and fakes.button(app, "run_federation").disabled


def test_rounds_show_while_it_goes_on_and_it_can_be_cancelled(store):
    app, job, out = started(store)
    files(out.folder(job.id), 1)
    out.record(job.id, {"stage": "round 2 of 5: attacking client 4", "fraction": 0.3, **found(1)}, [])
    app.run()
    assert "So far: traces came back" in text(app) and "right on 60 %" in text(app)
    accuracy = charts(app)["Accuracy and loss of the global network over the rounds"]
    line = accuracy["data"][0]
    assert (line["x"], line["y"]) == ([0, 1], [0.5, 0.6]) and 5 < accuracy["layout"]["xaxis"]["range"][1] < 6
    fakes.button(app, "federation_cancel").click().run()
    assert store.job(job.id).asked == "cancel" and fakes.button(app, "federation_cancel").disabled


def test_the_plot_has_mean_and_band_of_each_client_and_a_zero_line(store):
    app, _ = answered(store, rounds=3)
    chart = charts(app)["RDLV of each attacked client over the rounds, mean and 95 % band"]
    bands = [t for t in chart["data"] if t["name"] == "band"]
    lines = {t["name"]: t for t in chart["data"] if t["name"] != "band"}
    five = "client 5 (on client 4)"  # it says so, as the two lie on each other
    assert (lines[five]["x"], lines[five]["y"]) == ([1, 2, 3], [0.5, 1.0, 1.5])
    (band,) = bands
    assert band["x"] == [1, 2, 3, 3, 2, 1], "one picture has no band"
    assert band["y"] == pytest.approx([0.8, 1.3, 1.8, 1.2, 0.7, 0.2])
    assert lines["as good as a guess"]["y"] == [0, 0]
    assert "Client 5 · 1 picture: face" in text(app) and "Client 4 · 8 pictures: face" in text(app)
    assert "Clients 4, 5 could be read" in text(app)


def test_a_round_opens_in_the_lab_as_uploads(store):
    app, job = answered(store)
    folder = store.path(job.id)
    asked = opening.for_browser(folder, "round_0002_client_005_experiment.json")
    assert asked.recorded.checkpoint.startswith("upload:") and asked.recorded.update != asked.recorded.checkpoint
    assert link.decode(link.encode(asked)) == asked
    app.button(key="open_5_2").click().run()
    assert not app.exception
    assert "What can a server read back" in text(app), "the lab is shown"
    assert "experiment" in app.query_params and isinstance(link.decode(address(app, "experiment")), Experiment)
    (folder / "updates_round_0001_client_004.npz").unlink()
    again = page(job=job.id)
    again.button(key="open_4_1").click().run()
    assert "run the federation again" in text(again)


def test_a_link_shows_a_federation_with_its_form_and_a_wrong_one_says_so(store):
    skewed = EXAMPLES[2][2]
    number = store.submit("federation", skewed.model_dump(mode="json"))
    app = page(job=number)
    assert address(app, "job") == number
    (alpha,) = [n for n in app.number_input if n.label.startswith("Alpha")]
    assert alpha.value == skewed.alpha
    wrong = page(job="0" * 12)
    assert "There is no such federation here" in text(wrong) and "job" not in wrong.query_params


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_fill_the_form_and_can_be_asked(store, number):
    app = page()
    app.button(key=f"federation_{number}").click().run()
    assert not fakes.button(app, "run_federation").disabled, text(app)
    fakes.button(app, "run_federation").click().run()
    assert build_federation(jobs(store)[0].spec) == EXAMPLES[number][2]


@pytest.mark.parametrize(
    ("typed", "said", "stops"),
    [
        ("40, 40", "one for each of the 5 clients, not 2", True),
        ("many", "give a whole number", False),
        ("0", "give 1 or more, not 0", False),
        ("300", "client 4 has 300 pictures and an attack takes at most 256", True),
    ],
)
def test_a_mistake_is_one_sentence_under_the_form(store, typed, said, stops):
    app = page()
    (counts,) = [t for t in app.text_input if t.label == "Pictures of each"]
    counts.set_value(typed).run()
    assert not app.exception and said in text(app).lower().replace("Client", "client")
    assert fakes.button(app, "run_federation").disabled == stops


def test_what_went_wrong_and_what_was_cancelled_is_said(store):
    app, job, out = started(store)
    out.finish(job.id, "failed", error="the federation diverged: choose a smaller learning rate or fewer local steps")
    app.run()
    assert "The federation diverged: choose a smaller learning rate" in text(app)
    assert not fakes.button(app, "run_federation").disabled, "it may be asked again"
    fakes.button(app, "run_federation").click().run()
    second = jobs(store)[0]
    assert second.id != job.id
    out.take(second.id)
    out.finish(second.id, "cancelled", {"rounds": [], "status": "cancelled"})
    app.run()
    assert "Cancelled before a round was done" in text(app)


def test_without_an_attack_only_the_accuracy_is_shown(store):
    app = page()
    widget(app, "toggle", "plan.attacks").set_value(False).run()
    assert "5 rounds of 5 clients, no attack." in text(app)
    fakes.button(app, "run_federation").click().run()
    (job,) = jobs(store)
    assert job.spec["attack"] is None
    out = fakes.writer(store)
    out.take(job.id)
    rounds = [{"round": 1, "accuracy": 0.8, "loss": 0.4, "clients": []}]
    out.finish(job.id, "done", {"rounds": rounds, "start": None})
    app.run()
    assert not app.exception and len(charts(app)) == 1 and "nobody was attacked" in text(app)


def test_words_follow_from_what_was_found():
    quiet = found(1)
    for entry in quiet["rounds"][0]["clients"]:
        entry.update(ssim=0.1, rdlv_mean=-0.2)
    assert sentence(Found(quiet))[0] == "protected"
    assert sentence(Found(found(1)))[0] == "partly" and sentence(Found(found(3)))[0] == "exposed"
    broken = found(1)
    broken["rounds"][0]["clients"] = [{"client": 4, "pictures": 8, "error": "no"}]
    assert "no attack found anything" in sentence(Found(broken))[1]


def test_a_server_that_changes_the_network_stands_in_the_form_and_is_asked_for(store):
    fishing = build_federation({"server": {"kind": "fishing"}, "client": {"epochs": 1}, "pictures": 4, "size": 12})
    number = store.submit("federation", fishing.model_dump(mode="json"), title=fishing.title)
    app = page(job=number)
    assert widget(app, "button_group", "server.kind").value == "fishing"
    assert "only the pictures of one class" in text(app)
    widget(app, "button_group", "server.kind").set_value("imprint").run()
    fakes.button(app, "run_federation").click().run()
    assert {job.spec["server"]["kind"] for job in jobs(store)} == {"fishing", "imprint"}


def test_a_card_says_how_many_of_a_batch_are_exact():
    some = {"per_image": [{"mse": 1e-9}, {"mse": 0.02}], "rdlv_mean": 1.0, "measure": "ssim", "psnr": 50.0}
    assert gallery._figures(some).endswith("; 1 of 2 exact")
    assert "of 2" not in gallery._figures({**some, "per_image": [{"mse": 1e-9}, {"mse": 1e-8}]})
