"""What every framework's recorder shares: what it loads, and the files of a round."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gi_core.recorders.rounds import Origin, Unrecorded, arrays, checked, difference, judged
from tests.recorders.rounds_helpers import AFTER, BEFORE, expect_recorded

ROOT = Path(__file__).resolve().parents[2]


def test_recorders_load_neither_torch_nor_a_framework():
    code = (
        "import sys; import gi_core.recorders.nvflare, gi_core.recorders.flower, gi_core.update_files.writing\n"
        "print([n for n in ('torch', 'pydantic', 'scipy', 'PIL', 'flwr', 'ray', 'streamlit') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_without_the_framework_the_filter_says_how_to_get_it():
    from gi_core.recorders import nvflare

    with pytest.raises(ModuleNotFoundError, match="requirements-nvflare.txt"):
        nvflare.RoundRecorder("rounds")


def test_a_round_is_change_statistics_and_a_note(tmp_path):
    origin = Origin("test", "site 1/../x", 4)
    assert origin.name == "round4_site-1-..-x"
    decision = judged(tmp_path, BEFORE, difference(AFTER, BEFORE), origin)
    assert decision.send
    note = expect_recorded(tmp_path, origin.name)
    assert note == {
        "framework": "test", "client": "site 1/../x", "round": 4, "entries": 3, "statistics": True, "audit": None
    }  # fmt: skip


def test_the_note_says_where_statistics_are_not_shared(tmp_path):
    before = {"0": np.zeros(2, np.float32)}
    judged(tmp_path, before, difference({"0": np.ones(2, np.float32)}, before), Origin("test", "a", 1))
    assert json.loads((tmp_path / "about_round1_a.json").read_text())["statistics"] is False
    assert not (tmp_path / "batchnorm_round1_a.npz").exists()


def test_entries_must_be_those_received():
    with pytest.raises(Unrecorded, match="'fc.bias' was not received"):
        difference({**AFTER, "fc.bias": 0}, BEFORE)
    with pytest.raises(Unrecorded, match="'fc.weight' was not sent back"):
        difference({k: v for k, v in AFTER.items() if k != "fc.weight"}, BEFORE)
    with pytest.raises(Unrecorded, match="another shape"):
        difference({**AFTER, "fc.weight": np.zeros(2)}, BEFORE)
    with pytest.raises(Unrecorded, match="not received"):
        checked({"fc.bias": np.zeros(1)}, BEFORE)


def test_what_is_remembered_does_not_move_with_training():
    live = {"w": np.zeros(2)}
    kept = arrays(live)
    live["w"] += 1
    assert kept["w"].tolist() == [0, 0] and arrays({"n": 3})["n"].shape == ()
