"""`invert`: files in, the same JSON, exit codes and files as `attack`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gi_core.cli import main
from gi_core.jobs.store import Store
from gi_core.update_files.writing import write_npz
from tests.experiments.test_recorded import NORMED, SMOOTH, record

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[2]
LENET = "lenet:width=4,classes=4,init=uniform,seed=9"
LM = "levenberg_marquardt:iterations=25,krylov=40"
KEYS = {
    "run_id", "status", "seconds", "iterations", "seconds_per_iteration", "attack", "model", "plan", "metrics",
    "per_image", "labels", "trials", "out",
}  # fmt: skip


@pytest.fixture
def files(gi_home, tmp_path) -> tuple[list[str], Path]:
    """(arguments that name the files, the private picture)."""
    client = {"kind": "fedavg", "learning_rate": 0.1}
    values = {"samples": ["bundled/faces:3"], "model": SMOOTH, "client": client}
    written, private = record(tmp_path / "files", values, pickled=True)
    png = tmp_path / "private.png"
    Image.fromarray((private.images[0, 0] * 255).round().astype(np.uint8)).save(png)
    return ["--checkpoint", written["checkpoint"], "--update", written["update"], "--image-size", "12"], png


def invert(capsys, *argv: str, code: int = 0) -> dict:
    assert main(["invert", *argv, "--json"]) == code, capsys.readouterr()
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def refused(capsys, *argv: str) -> str:
    assert main(["invert", *argv]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("note: ")]
    assert out == "" and len(lines) == 1 and lines[0].startswith("error: "), (out, err)
    return lines[0]


def test_the_same_contract_as_attack(capsys, files, tmp_path):
    named, png = files
    asked = [*named, "--channels", "1", "--model", LENET, "--attack", LM, "--client", "fedavg:learning_rate=0.1"]
    got = invert(capsys, *asked, "--out", str(tmp_path / "out"), "--seed", "4")
    assert set(got) >= KEYS and got["status"] == "done" and got["metrics"] == {} and got["labels"]["true"] is None
    assert Store().job(got["run_id"]).state == "done"
    stored = json.loads((tmp_path / "out" / "experiment.json").read_text())
    assert stored["recorded"]["update"] == named[3] and stored["seed"] == 4 and stored["size"] == 12
    assert stored["client"]["batch_norm"] == "eval", "a network without batch norm has no mode"
    assert not (tmp_path / "out" / "original.png").exists() and (tmp_path / "out" / "reconstruction.png").exists()

    judged = invert(capsys, *asked, "--reference", str(png), "--label", "2", "--seed", "4")
    assert judged["metrics"]["psnr"] > 25 and judged["labels"]["true"] == [2]
    again = tmp_path / "out" / "experiment.json"
    assert main(["attack", "--experiment", str(again), "--json"]) == 0, "a saved experiment is run as any other"
    assert json.loads(capsys.readouterr().out)["attacker"]["loss"] == pytest.approx(got["attacker"]["loss"])


def test_text_for_a_person(capsys, files):
    named, _ = files
    assert main(["invert", *named, "--channels", "1", "--model", LENET, "--attack", "dlg:iterations=2"]) == 0
    out = capsys.readouterr().out
    assert "there is no original to compare with" in out and "residual" in out and "LPIPS" not in out


def _named(written: dict) -> list[str]:
    """The options that name a small grey round's files."""
    files = ["--checkpoint", written["checkpoint"], "--update", written["update"]]
    return [*files, "--image-size", "12", "--channels", "1"]


def test_what_a_real_client_does_is_the_default(capsys, gi_home, tmp_path):
    client = {"kind": "fedavg", "batch_norm": "train", "statistics": "shared"}
    written, _ = record(tmp_path / "f", {"samples": ["bundled/faces:3"], "model": NORMED, "client": client})
    named = _named(written)
    model = ["--model", "convnet:width=4,depth=2,classes=3"]

    def client_of(*more: str) -> dict:
        got = invert(capsys, *named, *model, "--attack", "inverting_gradients:iterations=1", *more)
        return Store().job(got["run_id"]).spec["client"]

    usual = client_of("--bn-stats", written["statistics"])
    assert usual["kind"] == "fedavg" and usual["batch_norm"] == "train" and usual["statistics"] == "shared"
    changed = client_of("--client", "fedavg:learning_rate=0.5,statistics=withheld")
    assert changed["batch_norm"] == "train" and changed["statistics"] == "withheld" and changed["learning_rate"] == 0.5
    assert client_of("--client", "fedavg:batch_norm=eval")["statistics"] == "withheld"
    assert client_of("--set", "client.epochs=2")["epochs"] == 2

    prior = invert(
        capsys, *named, *model, "--attack", "fl_gradient_inversion:iterations=2", "--prior", "bundled/faces:60"
    )
    assert prior["attack"]["prior"] == "bundled/faces:60"


def test_defenses_and_parts_that_the_server_knows_of(capsys, files):
    named, _ = files
    asked = [*named, "--channels", "1", "--model", LENET, "--client", "fedavg:learning_rate=0.1"]
    noisy = [
        "--defense",
        "clipping:norm=1",
        "--defense",
        "gaussian_noise:std=1e-4",
        "--attack",
        "inverting_gradients:iterations=2",
    ]
    got = invert(capsys, *asked, *noisy, "--sent", "conv2.*,conv3,fc", "--withheld", "fc.bias")
    spec = Store().job(got["run_id"]).spec
    assert [d["kind"] for d in spec["defenses"]] == ["clipping", "gaussian_noise"] and spec["attack"][
        "adaptive"
    ] is True
    assert set(got["attacker"]["residuals"]) == {f"conv{k}.{p}" for k in (2, 3) for p in ("weight", "bias")} | {
        "fc.weight"
    }
    assert got["attacker"]["precision"] > 1e-4, "the noise is part of it"
    naive = invert(capsys, *asked, *noisy[:-1], "inverting_gradients:iterations=2,adaptive=false")
    assert naive["attack"]["adaptive"] is False
    assert "leave mixing out" in refused(capsys, *asked, "--defense", "mixing:partners=public", *noisy[-2:])
    assert "recorded.sent names 'layer9.*'" in refused(capsys, *asked, "--sent", "layer9.*", *noisy[-2:])


def test_several_pictures(capsys, gi_home, tmp_path):
    client = {"kind": "fedavg", "learning_rate": 0.1}
    values = {"samples": ["bundled/faces:3", "bundled/faces:60"], "model": SMOOTH, "client": client, "labels": [1, 2]}
    written, _ = record(tmp_path / "f", values)
    named = _named(written)
    asked = [*named, "--images", "2", "--model", LENET, "--attack", "dlg:labels=known,iterations=2"]
    got = invert(capsys, *asked, "--label", "1", "--label", "2", "--client", "fedavg:learning_rate=0.1")
    assert np.load(Path(got["out"]) / "reconstruction.npz")["images"].shape == (2, 1, 12, 12)
    assert got["labels"]["recovered"] == [1, 2]
    assert "one label for each picture: 2" in refused(capsys, *asked, "--label", "1")
    assert "are not known: give them" in refused(capsys, *asked)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("--attack dlg --prior bundled/coffee", "--prior: DLG starts from no prior picture: choose --attack"),
        ("--attack fl_gradient_inversion --prior nowhere.png", "there is no sample 'nowhere.png'"),
        ("--reference nowhere.png --attack dlg", "there is no sample 'nowhere.png'"),
        ("--bn-stats nowhere.npz", "--bn-stats: there is no file 'nowhere.npz'"),
        ("--update nowhere.npz", "--update: there is no file 'nowhere.npz'"),
        ("--checkpoint .", "--checkpoint: there is no file '.'"),
        ("--images 0", "--images is a number from 1"),
        ("--images 2 --reference bundled/coffee --attack dlg:labels=joint", "a reference is one picture"),
        ("--sample bundled/coffee", "invert has no option '--sample'"),
        ("--client fedsgdd", "did you mean 'fedsgd'?"),
        ("--attack levenberg_marquardt --model lenet:width=5,classes=4", "of another shape: conv1.weight"),
        ("--attack levenberg_marquardt --model lenet:width=4", "set model.classes=4"),
    ],
)
def test_refused_in_one_line(capsys, files, argv, says):
    named, _ = files
    assert says in refused(capsys, *named, "--channels", "1", "--model", LENET, *argv.split())
    assert not Store().jobs(), "what was refused leaves nothing"


@pytest.mark.parametrize("gone", ["--checkpoint", "--update", "--image-size", "--model"])
def test_what_must_be_given(capsys, files, gone):
    named, _ = files
    argv = [*named, "--model", LENET]
    at = argv.index(gone)
    assert gone in refused(capsys, *argv[:at], *argv[at + 2 :])


def test_refusals_load_no_torch(gi_home, files):
    program = (
        "import sys\nfrom gi_core.cli import main\n"
        f"code = main(['invert', *{files[0]!r}, '--model', 'lenet', '--attack', 'dlg', '--prior', 'x'])\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["2", "False"], done.stderr


def test_hostile_and_broken_files(capsys, files, tmp_path):
    named, _ = files
    marker = tmp_path / "executed"

    class Code:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    np.savez(tmp_path / "evil.npz", weights=np.array({"fc.weight": Code()}, dtype=object))
    write_npz(tmp_path / "nan.npz", {"fc.bias": np.full(4, np.nan)})
    (tmp_path / "cut.npz").write_bytes(Path(named[3]).read_bytes()[:700])
    for name, says in (("evil", "without running any"), ("nan", "not finite"), ("cut", "damaged or cut off")):
        argv = [*named, "--update", str(tmp_path / f"{name}.npz"), "--channels", "1", "--model", LENET, "--attack", LM]
        assert says in refused(capsys, *argv)
    assert not marker.exists()


def test_interrupted_and_resumed(files, gi_home):
    named, _ = files
    argv = [*named, "--channels", "1", "--model", LENET, "--client", "fedavg:learning_rate=0.1", "--json"]
    slow = ["--attack", "inverting_gradients:iterations=40000"]
    command = [sys.executable, "-m", "gi_core"]
    process = subprocess.Popen(
        [*command, "invert", *argv, *slow], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + 60
        while not (found := Store().jobs(states=("running",))) or not found[0].progress.get("iteration"):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    document = json.loads(out.splitlines()[-1])
    assert process.returncode == 130 and document["resumable"] and "attack --resume" in err
    resume = [*command, "attack", "--resume", document["run_id"]]
    process = subprocess.Popen(resume, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while not Store().jobs(states=("running",)):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
