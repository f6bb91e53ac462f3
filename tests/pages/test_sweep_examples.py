"""What a newcomer sees on the frontier and the wall: an example that asks what the page's own button asks."""

from __future__ import annotations

import importlib.util
import json

import pytest

from gi_core.experiments.sweeps.choices import column
from gi_core.jobs import sweeps
from gi_core.jobs.sweep_questions import experiments
from gi_core.metrics.words import of_row
from pages.frontier import question as frontier
from pages.shared.sweeps.recorded import FOLDER, Recorded
from pages.wall import cell
from pages.wall import question as wall
from tests import pages_fakes as fakes
from tests.pages import test_frontier, test_wall
from tests.pages.opened import charts, text

DEFAULTS = {"frontier": frontier.first, "dishonest": frontier.second, "wall": wall.first}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_example_is_what_the_default_grid_asks(name):
    """When this fails, the grid has changed: run it, then `python assets/sweeps/record.py NAME`."""
    example, sweep = Recorded(name), DEFAULTS[name]()
    asked = experiments(sweep)
    assert len(example.rows) == len(asked) >= 24
    for row, member in zip(example.rows, asked, strict=True):
        e = member.experiment
        assert row["position"] == member.position + 1 and row["control"] == e.control
        if row["state"] != "done":
            assert row["state"] == "refused" and e.control == "prior" and "has no prior" in row["error"]
            continue
        assert {column(axis): row[column(axis)] for axis in sweep.axes} == member.point
        assert row["samples"].split() == list(e.samples) and row["seed"] == e.seed
        assert row["model_settings"] == e.model.name and row["attack_settings"] == e.attack.name
        assert row["defenses"] == (" + ".join(d.name for d in e.defenses) or "none")
        answer, original = example.answer(row["run_id"]), example.original(row["run_id"])
        assert answer.shape == original.shape and answer.shape[:2] == (e.size, e.size) and original.std() > 10
        if row["psnr"] > 40:
            assert abs(answer.astype(int) - original).max() <= 3, "the picture is the row's"


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_example_is_small_and_names_no_run(name):
    files = [FOLDER / f"{name}.{end}" for end in ("json", "npz")]
    assert sum(file.stat().st_size for file in files) < 100_000
    assert not {"run_id", "owner"} & set(json.loads(files[0].read_text()))


def test_the_frontier_shows_its_example_until_there_is_one_of_ones_own(store):
    app = test_frontier.page()
    said = text(app)
    assert "An example, measured before on two cores" in said and "is the one to switch on" in said
    assert charts(app) and "to come" not in said and "◯ yes" in said
    app.selectbox(key="frontier_setting").set_value("pruning 90 %").run()
    assert text(app).count("data:image/png") == 16, "eight pictures, two attackers"
    assert not [p for p in app.get("page_link") if "run" in str(p.proto)], "there is no run to open"
    fakes.button(app, "frontier_run").click().run()
    assert "An example" not in text(app) and "0 of 72 done" in text(app)


def test_the_wall_shows_its_example_until_there_is_one_of_ones_own(store):
    app = test_wall.wall()
    page = test_wall.cells(app)
    assert "An example, run before on two cores" in text(app) and "?run=" not in page
    assert page.count("data:image/png") == 55, "the original and every cell"
    assert "Control: " in page and text(app).count("at best without the update") == 4, "a line of each attack"
    assert "●</i> exact, found" in page and "○</i> not seen, not found" in page
    app.get_by_key("wall_score").set_value("ssim").run()
    assert " dB</b>" not in test_wall.cells(app) and "1.000" in test_wall.cells(app)
    fakes.button(app, "wall_run").click().run()
    assert "An example" not in text(app) and "waiting" in test_wall.cells(app)


def test_another_wall_waits_for_its_own_estimate(store):
    app = test_wall.wall()
    (pills,) = [w for w in app.get("pills") if w.key.endswith("wall.attacks")]
    pills.set_value(["dlg"]).run()
    assert "13 experiments, the time is being estimated" in text(app)


def test_a_recording_reads_back_as_the_cells_of_its_wall(store, tmp_path):
    sweep = test_wall.asked()
    number = sweeps.start(store, sweep)
    for entry, psnr in zip((e for e in sweeps.members(store, number) if e.job), (84.0, 5.9, 12.5, 30.0), strict=True):
        test_wall.finish(store, entry.job.id, psnr)
    spec = importlib.util.spec_from_file_location("record", FOLDER / "record.py")
    recorder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recorder)
    recorder.record("wall", sweep, tmp_path, store)
    example = Recorded("wall", tmp_path)
    real, kept = sweeps.members(store, number), example.rows
    for entry, row in zip(real, kept, strict=True):
        if entry.job is None:
            assert row["state"] == "refused" and row["error"] == entry.refused
            continue
        was, now = cell.read(entry, "psnr"), cell.judged(of_row(row), row, "psnr")
        assert (was.level, was.word, was.score) == (now.level, now.word, now.score) and was.level in (
            "exposed",
            "partly",
        )
        assert (was.pixels() == example.answer(row["run_id"])).all()
    with pytest.raises(SystemExit, match="no finished sweep"):
        recorder.record("wall", wall.first(), tmp_path, store)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_recording_speaks_by_the_rule_of_words(name):
    rows = [row for row in Recorded(name).rows if row["state"] == "done"]
    assert rows and [row["verdict"] for row in rows] == [of_row(row).label for row in rows]
