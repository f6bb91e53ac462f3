"""A gate that fails closed: whatever is no clear yes withholds the update."""

from __future__ import annotations

import json

import pytest

from gi_core.recorders.gate import Gate
from gi_core.recorders.rounds import Origin, difference, judged
from tests.recorders.rounds_helpers import AFTER, BEFORE, interpreter, says


def test_the_gate_asks_with_the_rounds_files_and_its_own_threshold(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/of/the/framework")
    answer = json.dumps({"send": True, "leaked": 0.25, "sentence": "well below"})
    body = f'printf "%s\\n" "$@" "[$PYTHONPATH]" "$(pwd)" > {tmp_path}/asked; echo \'{answer}\''
    gate = Gate(interpreter(tmp_path, body), ("--model", "lenet"), threshold=0.5, folder=str(tmp_path))
    decision = judged(tmp_path / "rounds", BEFORE, difference(AFTER, BEFORE), Origin("test", "a", 1), gate=gate)
    assert decision.send and decision.leaked == 0.25 and decision.sentence == "well below"
    asked = (tmp_path / "asked").read_text().splitlines()
    where = tmp_path / "rounds"
    assert asked == [
        "-m", "gi_core", "audit", "--checkpoint", f"{where}/round1_a_global.safetensors", "--update",
        f"{where}/updates_round1_a.npz", "--bn-stats", f"{where}/batchnorm_round1_a.npz", "--model", "lenet",
        "--threshold", "0.5", "--json", "[]", str(tmp_path),
    ]  # fmt: skip
    audit = json.loads((where / "about_round1_a.json").read_text())["audit"]
    assert audit == {"send": True, "sentence": "well below", "leaked": 0.25, "threshold": 0.5}


@pytest.mark.parametrize(
    "body, reason",
    [
        (says(False, 1.7, 3), "so it is"),
        (says(False, None, 3), "so it is"),
        ("echo 'error: the prior cannot be read' >&2; exit 2", "the prior cannot be read"),
        ("exit 1", "it ended with code 1"),
        ("echo no json", "it ended with code 0"),
        (says(True, 0.1, 1), "contradicts itself"),
        (says(True, 1.7), "contradicts itself"),
        (says(True, None), "contradicts itself"),
        (says("yes", 0.1), "so it is"),
        ("echo '[1]'", "it ended with code 0"),
        ('echo \'{"send": true, "leaked": NaN, "sentence": ""}\'', "contradicts itself"),
        ("sleep 30 & sleep 30", "longer than 0.5 seconds"),
    ],
)
def test_whatever_is_no_clear_yes_withholds(tmp_path, body, reason):
    slow = 0.5 if "sleep" in body else 30
    decision = Gate(interpreter(tmp_path, body), seconds=slow).decide(())
    assert not decision.send and reason in decision.sentence


def test_an_interpreter_that_is_not_there_withholds(tmp_path):
    assert "could not be started" in Gate(str(tmp_path / "none")).decide(()).sentence


def test_a_round_that_cannot_be_written_withholds_with_a_gate_and_raises_without(tmp_path):
    (tmp_path / "file").write_text("")
    change, origin = difference(AFTER, BEFORE), Origin("test", "a", 1)
    decision = judged(tmp_path / "file", BEFORE, change, origin, gate=Gate(interpreter(tmp_path, says(True, 0.0))))
    assert not decision.send and "could not be written" in decision.sentence
    with pytest.raises(OSError):
        judged(tmp_path / "file", BEFORE, change, origin)
