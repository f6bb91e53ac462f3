"""The Python that repeats a run, run as it is, gives the same pictures bit for bit; the command line says the same experiment."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gi_core.cli import main, question
from gi_core.cli.parser import parse
from gi_core.reports import commands
from gi_core.reports.repeat import by_command, repeat
from gi_core.settings import SpecError, build

ROOT = Path(__file__).resolve().parents[2]
FACE = {
    "samples": ["bundled/faces:3"],
    "size": 8,
    "device": "cpu",
    "model": {"kind": "lenet", "width": 4, "classes": 4},
}
EXPERIMENTS = {
    "plain": FACE,
    "words": {**FACE, "attack": {"kind": "inverting_gradients", "iterations": 9, "trials": 2}, "defenses": [{"kind": "gaussian_noise", "std": 0.01}, {"kind": "pruning"}]},
    "labels and colour": {**FACE, "labels": [2], "channels": 3, "seed": 7, "normalise": "auto", "seconds": 60},
    "local steps": {**FACE, "samples": ["bundled/faces:3", "bundled/faces:4"], "client": {"kind": "fedavg", "learning_rate": 0.1, "epochs": 2}, "attack": {"kind": "inverting_gradients"}},
    "trained": {**FACE, "weights": {"kind": "trained", "epochs": 2}},
    "a drawn network": {**FACE, "model": {"kind": "custom", "layers": [{"kind": "conv", "channels": 4, "kernel": 3}, {"kind": "dense", "features": 4}]}},
}  # fmt: skip


def arguments(program: str) -> dict:
    """What the program passes to gi.run."""
    call = next(
        node
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "run"
    )
    return {word.arg: ast.literal_eval(word.value) for word in call.keywords}


def asked(program: str):
    """The experiment that the program asks, as `gi.run` puts it together."""
    from gi_core.api import repeating

    found = []
    original = repeating.perform
    repeating.perform = lambda experiment, how: found.append(experiment) or (_ for _ in ()).throw(KeyboardInterrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            repeating.run(**arguments(program))
    finally:
        repeating.perform = original
    return found[0]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_program_asks_the_same_experiment(name):
    experiment = build(EXPERIMENTS[name])
    program = repeat(experiment.model_dump(mode="json"), {"onednn": False, "chunk": 2})
    assert asked(program) == experiment and arguments(program)["plan"] == {"onednn": False, "chunk": 2}
    assert ("experiment" in arguments(program)) == (name == "a drawn network")


@pytest.mark.parametrize("name", [n for n in EXPERIMENTS if n != "a drawn network"])
def test_the_command_line_asks_the_same_experiment(name):
    experiment = build(EXPERIMENTS[name])
    words = shlex.split(commands.command(experiment))
    assert words[:3] == ["python", "-m", "gi_core"]
    assert question.experiment(parse(words[3:])) == experiment


def test_what_was_left_to_the_machine_is_said_as_it_was_decided():
    spec = build({**FACE, "device": "auto"}).model_dump(mode="json")
    assert arguments(repeat(spec, None, "cpu"))["device"] == "cpu" and "device" not in arguments(repeat(spec))
    with pytest.raises(SpecError):
        repeat({"seed": -1})


def test_nothing_that_a_person_wrote_leaves_its_quotes():
    evil = "bundled/x'\"\n); import os; print("
    program = repeat(build({"samples": [evil], "normalise": "none"}).model_dump(mode="json"))
    assert arguments(program)["sample"] == [evil] and len(ast.parse(program).body) == 3
    assert ast.parse(by_command(["sweep", evil], evil, evil))


@pytest.mark.slow
def test_run_as_it_is_it_gives_the_same_pictures(gi_home, tmp_path, capsys):
    """In another home, without the kept plan: all that it needs stands in the program."""
    for name in ("plain", "words"):
        experiment = tmp_path / f"{name}.json"
        experiment.write_text(json.dumps(EXPERIMENTS[name]))
        assert main(["attack", "--experiment", str(experiment), "--json"]) == 0
        done = json.loads(capsys.readouterr().out.splitlines()[-1])
        with np.load(Path(done["out"]) / "reconstruction.npz") as file:
            before = file["images"]
        program = repeat(build(EXPERIMENTS[name]).model_dump(mode="json"), done["plan"], done["device"])
        program += f"import numpy\nnumpy.save({str(tmp_path / 'again.npy')!r}, result.images.numpy())\n"
        environment = {**os.environ, "GI_HOME": str(tmp_path / "other"), "OMP_NUM_THREADS": "1"}
        ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr[-1000:]
        assert (np.load(tmp_path / "again.npy") == before).all(), name
