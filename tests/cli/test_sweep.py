"""`sweep` on the command line: the promised object, files, refusals, Ctrl-C and going on. Jobs are done in this process."""

from __future__ import annotations

import csv
import json
import os
import signal
import time

import pytest
import torch

from gi_core.cli import main
from gi_core.cli.sweep_file import absolute
from gi_core.experiments.setup import Questions
from gi_core.experiments.sweeps.table import COLUMNS
from gi_core.jobs.processes import Processes
from gi_core.jobs.sink import StoreControl
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import SpecError
from gi_core.workers import duties, executors
from tests.cli.test_refusals import refused

torch.set_num_threads(1)
SWEEP = """
name = "Seeds"
question = "Does the start matter?"

[base]
samples = ["bundled/faces:3"]
size = 8
channels = 1
model = "lenet:width=4,classes=4"
attack = "levenberg_marquardt:iterations=3,krylov=5,restarts=1"
device = "cpu"

[[axes]]
name = "Seed"
path = "seed"
values = [0, 1, 2]
"""


class Here:
    """Does a job each time it is asked to look. after: how many until somebody presses Ctrl-C."""

    note = ""

    def __init__(self, store: Store, after: int = 99) -> None:
        self.store, self.left, self.questions = store, after, Questions()
        self.writer = Writer(store, Processes(store.database).register("worker", "batch"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.writer.store.database.write("DELETE FROM processes WHERE id = ?", (self.writer.worker,))

    def look(self) -> None:
        self.left -= 1
        if self.left == -1:
            os.kill(os.getpid(), signal.SIGINT)
        elif (job := self.writer.claim("batch")) is not None:
            duties.do(job, self.writer, StoreControl(self.writer, job.id), self.questions)

    def wait(self, seconds: float) -> None:
        time.sleep(0.01)


@pytest.fixture
def here(gi_home, monkeypatch):
    """Says after how many jobs Ctrl-C is pressed."""
    presses = {"after": 99}
    monkeypatch.setattr(executors, "chosen", lambda name, store, *_: Here(store, presses["after"]))
    return presses


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP)
    return path


def _object(capsys) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_promised_object_and_its_files(here, file, tmp_path, capsys):
    out, table = tmp_path / "out", tmp_path / "table.csv"
    assert main(["sweep", str(file), "--json", "--out", str(out), "--csv", str(table)]) == 0
    found = _object(capsys)
    assert found["status"] == "done" and found["total"] == 3 and found["counts"] == {"done": 3}
    assert found["out"] == str(out) and found["csv"] == str(table) and found["seconds"] > 0
    assert [row["Seed"] for row in found["rows"]] == ["0", "1", "2"] and found["rows"][0]["psnr"] > 5
    written = list(csv.DictReader(table.open(newline="")))
    assert [row["run_id"] for row in written] == [row["run_id"] for row in found["rows"]]
    assert set(COLUMNS) | {"Seed"} == set(written[0]) and "Does the start matter?" in (out / "rows.html").read_text()
    assert json.loads((out / "sweep.json").read_text())["name"] == "Seeds"
    result = json.loads((out / "runs" / "0002" / "result.json").read_text())
    assert result["run_id"] == found["rows"][1]["run_id"] and (out / "runs" / "0002" / "reconstruction.png").is_file()
    assert main(["sweep", str(out / "sweep.json"), "--json"]) == 0
    assert _object(capsys)["sweep_id"] == found["sweep_id"], "the same question is not asked again"
    assert [job.attempts for job in Store().jobs(children=True)] == [1, 1, 1]
    assert main(["runs", "list", "--json"]) == 0 and _object(capsys) == []
    assert main(["runs", "list", "--json", "--sweep", found["sweep_id"]]) == 0 and len(_object(capsys)) == 3


def test_a_line_for_each_experiment_as_it_ends(here, file, capsys):
    assert main(["sweep", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("   1/3  Seed 0: PSNR ") and lines[-1].startswith("sweep ")
    assert "3 done of 3" in lines[-1] and len(lines) == 4


def test_ctrl_c_leaves_it_to_be_resumed_and_nothing_is_repeated(here, file, tmp_path, capsys):
    here["after"] = 1
    table = tmp_path / "table.csv"
    assert main(["sweep", str(file), "--json", "--csv", str(table)]) == 130
    out, err = capsys.readouterr()
    found = json.loads(out.splitlines()[-1])
    assert found["status"] == "cancelled" and found["resumable"] and found["counts"] == {"done": 1, "paused": 2}
    assert f"go on with: python -m gi_core sweep --resume {found['sweep_id']}" in err
    assert [row["state"] for row in csv.DictReader(table.open(newline=""))] == ["done", "paused", "paused"]
    here["after"] = 99
    assert main(["sweep", "--resume", found["sweep_id"], "--json"]) == 0
    again = _object(capsys)
    assert again["counts"] == {"done": 3} and again["rows"][0] == found["rows"][0]
    assert [job.attempts for job in Store().jobs(children=True)] == [1, 1, 1]


def test_what_fails_is_told_and_the_rest_is_done(here, file, capsys):
    text = SWEEP.replace('path = "seed"', 'path = "samples"')
    file.write_text(text.replace("[0, 1, 2]", '[["bundled/faces:3"], ["bundled/nobody"]]'))
    assert main(["sweep", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0].startswith("   2/2  Seed bundled/nobody: refused: ") and "nobody" in lines[0].partition("refused")[2]
    )
    assert "1 done" in lines[-1] and "1 refused" in lines[-1]


def test_trainings_that_fail_are_told_beside_the_runs(here, file, monkeypatch, capsys):
    def full(*_):
        raise SpecError("the memory does not suffice")

    monkeypatch.setattr("gi_core.experiments.utility.answer", full)
    text = SWEEP.replace("[0, 1, 2]", "[0]").replace(",classes=4", "")
    file.write_text(text + '[utility]\ndata = "faces"\npictures = 4\nrounds = 1\nseeds = [0]\n')
    assert main(["sweep", str(file), "--json"]) == 1
    found = _object(capsys)
    assert found["counts"] == {"done": 1} and found["trainings"] == {"failed": 1}
    assert found["trainings_error"] == "the memory does not suffice"
    assert found["rows"][0]["error"] == "no accuracy of seed 0: the memory does not suffice"
    assert found["frontier"] is None, "no defense varies"
    assert main(["sweep", "--resume", found["sweep_id"]]) == 1
    assert "trainings: 1 failed (the memory does not suffice)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("utility", "says"),
    [
        ('data = "nobodys"', "accuracy cannot be measured: there is no training data 'nobodys'"),
        ('data = "npz:/no/such.npz"', "accuracy cannot be measured: "),
        ('data = "faces"', "faces has 180 training pictures, not 5 x 60: set pictures to 36 or fewer"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_anything_is_stored(utility, says, file, gi_home, capsys):
    file.write_text(SWEEP + f"[utility]\n{utility}\n")
    assert says in refused(capsys, "sweep", str(file))
    assert Store().jobs(kinds=None, children=True) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('path = "seed"', 'path = "sead"'), "there is no 'sead' to set: did you mean 'seed'?"),
        (("values = [0, 1, 2]", "values = []"), "values"),
        (("values = [0, 1, 2]", "values = [-1]"), "experiment 1 of the sweep (Seed -1): seed"),
        (("bundled/faces:3", "bundled/nobody"), "no experiment of the sweep can be run: "),
        (("lenet:width=4", "lenett:width=4"), "did you mean 'lenet'?"),
        (("[base]", "[base"), "the file is not TOML"),
        ((SWEEP, ""), "the file holds no sweep"),
        (
            ("[[axes]]", '[[axes]]\nname = "Again"\npath = "seed"\nvalues = [7]\n\n[[axes]]'),
            "'Again' and 'Seed' both set seed",
        ),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_stored(change, says, file, gi_home, capsys):
    file.write_text(SWEEP.replace(*change))
    assert says in refused(capsys, "sweep", str(file))
    assert Store().jobs(kinds=None, children=True) == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--csv", "no/such/folder/table.csv"), "cannot write 'no/such/folder/table.csv'"),
        (("--executor", "dusk"), "there is no executor 'dusk'"),
        (("--workers", "0"), "0 workers do no work"),
        (("--resume", "0" * 12), "give a file or the name of a ready sweep"),
    ],
)
def test_what_cannot_be_done_leaves_nothing_queued(more, says, file, gi_home, capsys):
    assert says in refused(capsys, "sweep", str(file), *more)
    assert Store().jobs(kinds=None, children=True) == []


def test_names(gi_home, capsys):
    assert "ready are batch_size" in refused(capsys, "sweep", "batch_sice")
    assert "cannot read 'no/such.toml'" in refused(capsys, "sweep", "no/such.toml")
    assert "there is no sweep '0123456789ab'" in refused(capsys, "sweep", "--resume", "0123456789ab")
    assert "give a file or the name" in refused(capsys, "sweep")
    assert main(["list", "sweeps", "--json"]) == 0
    assert {"batch_size", "parameters", "training"} <= {one["name"] for one in _object(capsys)}


def test_paths_are_written_in_full_for_workers_that_stand_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(b"")
    (tmp_path / "lenet").write_bytes(b"")
    value = {"samples": ["cat.png", "folder:pictures:3", "bundled/faces:3"], "model": "lenet", "labels": ["cat.png"]}
    assert absolute(value) == {
        "samples": [str(tmp_path / "cat.png"), f"folder:{tmp_path}/pictures:3", "bundled/faces:3"],
        "model": "lenet",
        "labels": ["cat.png"],
    }
