"""`federate` on the command line and as a worker's job: the promised object, files, refusals, Ctrl-C, cancelling."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from gi_core.cli import main
from gi_core.experiments.setup import Questions
from gi_core.jobs.store import Store
from gi_core.settings import read_experiment
from gi_core.settings.federation import build_federation
from gi_core.workers import duties
from tests import pages_fakes as fakes
from tests.conftest import ROOT
from tests.runs_helpers import wait

torch.set_num_threads(1)
SETTINGS = """
clients = 3
pictures = [12, 12, 1]
size = 12
rounds = 2
device = "cpu"

[model]
kind = "lenet"
activation = "tanh"
width = 4

[client]
learning_rate = 0.1
batch_size = 4

[attack]
kind = "inverting_gradients"
iterations = {iterations}
"""


@pytest.fixture
def file(tmp_path, gi_home):
    path = tmp_path / "federation.toml"
    path.write_text(SETTINGS.format(iterations=6))
    return path


def test_the_promised_object_and_its_files(file, tmp_path, capsys):
    assert main(["federate", str(file), "--json", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["status"] == "done" and found["out"] == str(tmp_path / "out") and found["seconds"] > 0
    assert [r["round"] for r in found["rounds"]] == [1, 2]
    for entry in found["rounds"]:
        assert 0 <= entry["accuracy"] <= 1 and entry["loss"] > 0
        (one,) = entry["clients"]
        assert one["client"] == 3 and one["pictures"] == 1 and len(one["labels"]["recovered"]) == 1
        assert one["rdlv_low"] == one["rdlv_mean"] == one["rdlv_high"] and one["ssim"] <= 1 and one["psnr"] > 0
        for name in (one["shown"]["found"], one["shown"]["original"], *one["files"].values()):
            assert (tmp_path / "out" / name).is_file()
        experiment = read_experiment((tmp_path / "out" / one["files"]["experiment"]).read_text())
        assert experiment.recorded.update.startswith(str(tmp_path / "out")), "what is copied names its copies"
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == found
    (job,) = Store().jobs(kinds=("federation",))
    assert job.state == "done" and job.result["rounds"] == found["rounds"]


def test_a_line_for_each_round_and_client(file, capsys):
    assert main(["federate", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("round 1: accuracy ") and lines[1].startswith("  client 3 (1 picture): RDLV ")
    assert lines[-1].startswith("done after ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rounds = 0", "rounds: give 1 or more, not 0"),
        ("client = 3", "client: give an object with settings, not 3"),
        ("attacked = [9]", "there is no client 9 to attack: they are counted from 1 to 5"),
        ("pictures = [60, 60, 60, 60, 1]", "the data has 180 pictures for the clients, not 241"),
        ('data = "nothing"', "there is no"),
        ('data = "npz:x.npz"', "set size and channels"),
        ("[[rounds]", "the file is not TOML"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_stored(text, sentence, tmp_path, gi_home, capsys):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    assert main(["federate", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and sentence in said and said.count("\n") == 1
    assert Store().jobs(kinds=("federation",)) == []


def test_a_file_that_is_not_there(gi_home, capsys):
    assert main(["federate", "no/such.toml"]) == 2
    assert "cannot read 'no/such.toml'" in capsys.readouterr().err


def test_ctrl_c_ends_it_with_what_there_was(file, tmp_path):
    file.write_text(SETTINGS.format(iterations=100_000) + "\n")
    start = [sys.executable, "-m", "gi_core", "federate", str(file), "--json"]
    process = subprocess.Popen(
        start, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not [j for j in Store().jobs(kinds=("federation",)) if j.active]:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    found = json.loads(out.splitlines()[-1])
    assert found["status"] == "cancelled" and found["rounds"] == []
    (job,) = Store().jobs(kinds=("federation",))
    assert job.state == "cancelled"


class Cancel:
    """Asks to cancel once a round is done."""

    def __init__(self, store: Store, number: str) -> None:
        self.store, self.number = store, number

    def poll(self) -> str:
        return "cancel" if self.store.job(self.number).progress.get("rounds") else ""


def test_a_worker_tells_every_round_and_obeys_a_cancel(file):
    store = Store()
    settings = {"clients": 3, "pictures": [12, 12, 1], "size": 12, "rounds": 50, "device": "cpu",
                "attack": {"kind": "inverting_gradients", "iterations": 4}}  # fmt: skip
    number = store.submit("federation", build_federation(settings).model_dump(mode="json"))
    out = fakes.writer(store)
    job = out.take(number)
    duties.do(job, out, Cancel(store, number), Questions())
    ended = store.job(number)
    assert ended.state == "cancelled" and len(ended.result["rounds"]) == 1
    told = ended.progress
    assert (
        told["start"]["accuracy"] >= 0
        and len(told["rounds"]) == 1
        and "per_image" not in told["rounds"][0]["clients"][0]
    )


def test_a_worker_says_why_it_cannot(gi_home):
    store = Store()
    number = store.submit("federation", {"clients": 2, "attacked": [3]})
    out = fakes.writer(store)
    duties.do(out.take(number), out, Cancel(store, number), Questions())
    assert store.job(number).error == "there is no client 3 to attack: they are counted from 1 to 2"


def test_a_federation_of_a_command_line_that_was_killed_goes_on_from_its_last_round(file, tmp_path, capsys):
    """And comes out as one that was left alone."""
    file.write_text(SETTINGS.format(iterations=6).replace("rounds = 2", "rounds = 4"))
    assert main(["federate", str(file), "--json"]) == 0
    whole = json.loads(capsys.readouterr().out.splitlines()[-1])
    for job in Store().jobs(kinds=("federation",)):
        Store().delete(job.id)
    program = "import sys; from gi_core.cli import main; sys.exit(main(sys.argv[1:]))"
    child = subprocess.Popen(
        [sys.executable, "-c", program, "federate", str(file)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    store = Store()
    try:
        found = lambda: (store.jobs(kinds=("federation",)) or [None])[0]  # noqa: E731
        wait(lambda: (job := found()) and (store.path(job.id) / "checkpoint.pt").exists(), 120)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    number = found().id
    kept = len(found().progress.get("rounds") or [])
    assert main(["federate", "--resume", number, "--json"]) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    bare = lambda rounds: [{k: v for k, v in _untimed(r).items()} for r in rounds]  # noqa: E731
    assert bare(again["rounds"]) == bare(whole["rounds"]) and len(again["rounds"]) == 4 and kept < 4
    assert main(["federate", "--resume", number]) == 2 and "is done" in capsys.readouterr().err
    for wrong in (["--resume", "0" * 12], [], [str(file), "--resume", number]):
        assert main(["federate", *wrong]) == 2


def _untimed(value):
    if isinstance(value, dict):
        return {k: _untimed(v) for k, v in value.items() if k != "seconds"}
    return [_untimed(v) for v in value] if isinstance(value, list) else value
