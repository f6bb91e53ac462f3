"""Wrong input on the command line: one line `error: …` on stderr, exit code 2, no torch loaded."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gi_core.cli import main


def refused(capsys, *argv: str) -> str:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and len(lines) == 1 and lines[0].startswith("error: "), (out, err)
    return lines[0]


@pytest.mark.parametrize(
    "argv, says",
    [
        ("atack", "unknown command 'atack': did you mean 'attack'?"),
        ("list modles", "unknown list 'modles': did you mean 'models'?"),
        ("attack --device gpu", "unknown --device 'gpu'"),
        ("attack --modle lenet", "no option '--modle': did you mean '--model'?"),
        ("attack --model lenett", "unknown model 'lenett': did you mean 'lenet'?"),
        ("attack --model lenet:initt=normal", "did you mean 'init'?"),
        ("attack --model lenet:init=normall", "model lenet: init"),
        ("attack --attack dgl", "did you mean 'dlg'?"),
        ("attack --attack dlg:trials=0", "trials"),
        ("attack --defense prunning", "did you mean 'pruning'?"),
        ("attack --client fedsdg", "did you mean 'fedsgd'?"),
        ("attack --weights traned", "did you mean 'trained'?"),
        ("attack --weights trained:epoch=3", "did you mean 'epochs'?"),
        ("attack --weights trained:epochs=0", "epochs"),
        ("attack --weights nowhere.pt", "there is no weights file 'nowhere.pt'"),
        ("attack --weights imagenet", "there are no ImageNet weights for LeNet"),
        ("attack --attack levenberg_marquardt --set attack.trails=3", "did you mean 'trials'?"),
        ("attack --set seed", "write 'seed' as dotted.path=value"),
        ("attack --size two", "HEIGHTxWIDTH such as 64x96"),
        ("attack --size 3", "size"),
        ("attack --seed -1", "seed"),
        ("attack --label 999", "label 999 of bundled/astronaut is out of range"),
        ("attack --label -2", "labels"),
        ("attack --label 1 --label 2", "one label for each picture"),
        ("attack --sample bundled/astronut", "did you mean 'astronaut'?"),
        ("attack --sample nowhere.png", "there is no sample 'nowhere.png'"),
        ("attack --sample /dev/zero", "/dev/zero is not a file"),
        ("attack --sample ~nobody-here/a.png", "'~nobody-here/a.png' is not a path"),
        ("attack --weights ~nobody-here/a.pt", "'~nobody-here/a.pt' is not a path"),
        ("attack --experiment ~nobody-here/a.json", "'~nobody-here/a.json' is not a path"),
        ("attack --out ~nobody-here/a", "'~nobody-here/a' is not a path"),
        ("attack --sample folder:~nobody-here:0", "'~nobody-here' is not a path"),
        ("attack --sample " + "a" * 5000, "4096 characters or less"),
        ("attack --weights " + "a" * 5000, "name too long"),
        ("attack --defense gaussian_noise:std=nan", "defense gaussian_noise: std: give a finite number, not 'nan'"),
        ("runs list --limit -3", "--limit"),
        ("attack --sample mnist:0", "run python -m gi_core fetch mnist"),
        ("attack --sample folder:nowhere:0", "nowhere"),
        ("attack --normalise mnits", "mnits"),
        ("attack --sample bundled/coffee --sample bundled/cell --attack idlg", "idlg reads one label"),
        ("attack --set client.labels_known=false --attack dlg:labels=known", "labels_known"),
        ("attack --experiment nowhere.json", "cannot read the experiment 'nowhere.json'"),
        ("attack --resume 0123456789ab", "there is no run '0123456789ab'"),
        ("attack --resume ../../etc --seed 1", "leave out --seed"),
        ("runs show nothing", "there is no run 'nothing'"),
        ("runs export ../../etc", "there is no run '../../etc'"),
        ("runs", "required"),
        ("fetch mnits", "did you mean 'mnist'?"),
    ],
)
def test_one_sentence(argv, says, capsys, gi_home):
    assert says.lower() in refused(capsys, *argv.split()).lower()


def test_pictures_that_cannot_be_read(capsys, gi_home, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing of a picture")
    assert "broken.png" in refused(capsys, "attack", "--sample", str(broken))
    grey = tmp_path / "grey.png"
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(grey)
    line = refused(capsys, "attack", "--sample", str(grey), "--model", "resnet18", "--attack", "idlg")
    assert "3 channels" in line or "colour" in line


def test_an_experiment_file_that_is_none(capsys, gi_home, tmp_path):
    file = tmp_path / "experiment.json"
    for content in (b"{", b'{"sampels": []}', b"\xff\xfe\x00", b'{"schema_version": 99}'):
        file.write_bytes(content)
        refused(capsys, "attack", "--experiment", str(file))


@pytest.mark.parametrize("command", ["attack", "runs list", "doctor"])
def test_a_home_that_cannot_be_used(command, capsys, tmp_path, monkeypatch):
    taken = tmp_path / "taken"
    taken.write_text("a file, no folder")
    monkeypatch.setenv("GI_HOME", str(taken))
    if command == "doctor":  # it goes on to say what else there is
        assert main([command]) == 0
        assert "set GI_HOME" in capsys.readouterr().out
        return
    assert "set GI_HOME" in refused(capsys, *command.split())


@pytest.mark.parametrize("content", [b"no database, but long enough to be taken for one", b""])
def test_a_damaged_store(content, capsys, gi_home):
    gi_home.mkdir(exist_ok=True)
    (gi_home / "store.sqlite").write_bytes(content)
    if content:
        assert "store.sqlite" in refused(capsys, "runs", "list")
    else:
        assert main(["runs", "list"]) == 0  # a new one


def test_weights_of_another_network(capsys, gi_home, tmp_path):
    import torch

    file = tmp_path / "other.pt"
    torch.save({"layer.weight": torch.zeros(3, 3)}, file)
    line = refused(capsys, "attack", "--weights", str(file), "--size", "16")
    assert "other.pt" in line
    assert main(["runs", "list"]) == 0
    assert capsys.readouterr().out == "no runs\n", "a refused question leaves no run"


def test_code_in_a_weights_file_is_refused_unexecuted(capsys, gi_home, tmp_path):
    trap, file = tmp_path / "trap", tmp_path / "evil.pt"

    class Evil:
        def __reduce__(self):
            return (os.system, (f"touch {trap}",))

    file.write_bytes(pickle.dumps({"conv.weight": Evil()}))
    argv = [sys.executable, "-m", "gi_core", "attack", "--weights", str(file), "--size", "16"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 2 and not trap.exists()
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and "evil.pt" in done.stderr


def test_refusals_and_help_do_not_load_torch(gi_home):
    code = (
        "import sys; from gi_core.cli import main; main(sys.argv[1].split());"
        "sys.exit(bool({'torch', 'torchvision', 'skimage', 'lpips', 'streamlit'} & set(sys.modules)))"
    )
    refusals = ("attack --model lenett", "attack --label 999")
    for argv in ("attack --help", "list models", "list samples", *refusals):
        done = subprocess.run([sys.executable, "-c", code, argv], capture_output=True, text=True)
        assert done.returncode == 0, (argv, done.stderr)


def test_lists_are_generated_from_the_settings(capsys, gi_home):
    from gi_core.settings import ATTACKS, DEFENSES, MODELS

    for what, family in (("attacks", ATTACKS), ("models", MODELS), ("defenses", DEFENSES)):
        assert main(["list", what, "--json"]) == 0
        listed = {one["kind"]: one for one in json.loads(capsys.readouterr().out.splitlines()[-1])}
        assert set(listed) == set(family)
        for kind, one in listed.items():
            assert one["title"] == family[kind].title and one["description"]
            assert {f["name"] for f in one["fields"]} == set(family[kind].model_fields) - {"kind"}
        assert main(["list", what]) == 0
        text = capsys.readouterr().out
        assert all(kind in text for kind in family)
    assert main(["list", "samples", "--json"]) == 0
    refs = {s["ref"]: s for s in json.loads(capsys.readouterr().out)}
    assert refs["bundled/astronaut"]["available"] and not refs["mnist:0"]["available"]


def test_bounds_in_words():
    from gi_core.cli.fields import allowed, fields
    from gi_core.settings import ATTACKS, DEFENSES, MODELS

    def field(cls, name):
        return allowed(next(f for f in fields(cls) if f["name"] == name))

    assert field(ATTACKS["dlg"], "trials") == "1 to 64"
    assert field(ATTACKS["dlg"], "learning_rate") == "above 0, at most 10"
    assert field(DEFENSES["pruning"], "fraction") == "from 0, below 1"
    assert field(ATTACKS["inverting_gradients"], "signed") == "true or false"
    assert field(MODELS["lenet"], "layers") == "3 or 4"
    assert field(MODELS["lenet"], "seed") == "from 0"
