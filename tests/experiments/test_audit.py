"""The gate's decision: by RDLV, by likeness without a prior, and no for whatever was not measured."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gi_core.cli import main
from gi_core.experiments.audit import decision, doubts, refuse_blind
from gi_core.metrics.rdlv import rdlv
from gi_core.recorders.gate import Gate
from gi_core.recorders.rounds import Origin, difference, judged
from gi_core.settings import SpecError
from gi_core.update_files.writing import write_round

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(4)


def told(*values, measure="rdlv", note=""):
    known = [v for v in values if v is not None]
    return {"measure": measure, "site": max(known, default=None), "note": note}


def test_the_largest_of_the_pictures_decides():
    got = decision(told(0.2, 0.9, -0.1), 0.5)
    assert got["leaked"] == 0.9 and got["send"] is False and got["measure"] == "rdlv"
    assert got["sentence"] == "withheld: RDLV 0.900 is above the threshold of 0.5"
    got = decision(told(0.2, 0.9), 0.9)
    assert got["send"] is True and got["sentence"] == "may leave: RDLV 0.900 is within the threshold of 0.9"
    assert decision(told(0.999))["send"] and not decision(told(1.001))["send"], "the published threshold"
    got = decision(told(0.6, measure="ssim"), 0.5)
    assert got["send"] is False and "SSIM 0.600" in got["sentence"]


def test_what_was_not_measured_does_not_leave():
    pictures = RNG.random((2, 1, 16, 16))
    for answer in (
        told(note="no reconstruction is finite"),
        told(0.1, None, note="1 of 2 pictures left out: the prior is not like it"),
        rdlv(pictures * np.nan, pictures, pictures[0] * 0.5 + 0.2),
    ):
        got = decision(answer, 100.0)
        assert got["send"] is False and got["leaked"] is None and answer["note"] in got["sentence"]


def test_a_gate_that_could_never_say_no_is_refused():
    pictures = RNG.random((2, 1, 16, 16))
    prior = 0.5 * pictures[0] + 0.25
    likeness = [e["ssim_prior"] for e in rdlv(pictures, pictures, prior)["per_image"]]
    assert likeness[0] > 0.5
    most = 1 / likeness[0] - 1
    refuse_blind(pictures[:1], prior, most - 1e-6)
    with pytest.raises(SpecError, match="never exceeded"):
        refuse_blind(pictures[:1], prior, most + 1e-6)
    with pytest.raises(SpecError, match="another prior"):
        refuse_blind(pictures[:1], 1 - pictures[0], 0.1)
    refuse_blind(pictures, None, 0.9)
    with pytest.raises(SpecError, match="SSIM.*smaller threshold"):
        refuse_blind(pictures, None, 1.0)


@pytest.fixture(scope="module")
def network():
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        return importlib.import_module("network")
    finally:
        sys.path.remove(str(ROOT / "examples"))


def arguments(tmp_path: Path, network, *more: str) -> list[str]:
    """What a client tells the audit of the examples' network: its own picture among it."""
    pixels = (255 * network.picture(0)[0][0, 0]).round().astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    return [
        "--reference", str(tmp_path / "mine.png"), "--prior", "bundled/faces:0", "--image-size", str(network.SIDE),
        "--model", f"custom:{ROOT / 'examples' / 'network.json'}", "--set", f"model.classes={network.CLASSES}",
        "--client", "fedavg:learning_rate=0.1", "--attack", "fl_gradient_inversion:iterations=200", *more,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "noise, told, send", [(0.0, 0.0, False), (0.3, 0.0, False), (0.3, 0.3, True), (0.3, 3.0, False)]
)
def test_the_gate_from_a_recorded_round_to_its_verdict(tmp_path, monkeypatch, network, noise, told, send):
    """Noise lets an update pass only where it is told of, and found in the update at the size that was told."""
    monkeypatch.setenv("GI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before, draw = network.fresh(), np.random.default_rng(1)
    change = difference(network.train(before, *network.picture(0)), before)
    for name in change:
        if not name.endswith("tracked"):
            change[name] = (change[name] + noise * draw.standard_normal(change[name].shape)).astype(np.float32)
    more = ["--defense", f"gaussian_noise:std={told}"] if told else []
    gate = Gate(sys.executable, arguments(tmp_path, network, *more), threshold=2.5, seconds=120)
    got = judged(tmp_path / "rounds", before, change, Origin("test", "me", 1), gate=gate)
    assert got.send is send, got
    if not noise:
        assert got.leaked > 4, got
    elif send:
        assert got.leaked < 2.5 and got.sentence.startswith("may leave"), got
    else:
        assert got.leaked is None and "not measured" in got.sentence, got
    assert json.loads((tmp_path / "rounds" / "about_round1_me.json").read_text())["audit"]["leaked"] == got.leaked
    kept = next((tmp_path / "home" / "runs").glob("*/experiment.json")).read_text()
    assert "mine.png" not in kept, "the attack is told nothing of the client's picture"


def of_the_round(tmp_path: Path, change, before) -> list[str]:
    written = write_round(tmp_path, before, change, name="r")
    return ["--checkpoint", str(written["checkpoint"]), "--update", str(written["update"])]


@pytest.mark.parametrize("rate", ["0.01", "0.1", "1"])
@pytest.mark.parametrize("sent", ["change", "weights", "negated", "half", "swapped"])
def test_batch_norm_and_a_prior_never_let_pass_what_was_not_explained(
    tmp_path, monkeypatch, capsys, network, sent, rate
):
    """Whole weights, another learning rate, a flipped sign: an attack that gets nowhere says nothing of the leak."""
    monkeypatch.setenv("GI_HOME", str(tmp_path / "home"))
    before = network.fresh()
    after = network.train(before, *network.picture(0))
    change = difference(after, before)
    given = {
        "change": change, "weights": after, "negated": {k: -v for k, v in change.items()},
        "half": {k: v.astype(np.float16) for k, v in change.items()},
        "swapped": change | {f"layer1_bn.{a}": change[f"layer1_bn.{b}"] for a, b in (("weight", "bias"), ("bias", "weight"))},
    }[sent]  # fmt: skip
    more = ["--threshold", "2.5", "--json", "--set", f"client.learning_rate={rate}"]
    more += ["--set", "attack.iterations=3"]
    assert main(["audit", *of_the_round(tmp_path, given, before), *arguments(tmp_path, network, *more)]) == 3
    got = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert got["send"] is False and got["reached"] < 2.5 and "not measured" in got["sentence"], got
    assert "may leave" not in got["sentence"]


def test_a_wrong_label_does_not_stand_for_noise(tmp_path, monkeypatch, capsys, network):
    """What it leaves is as long as the noise that was described and never added, but not as even."""
    monkeypatch.setenv("GI_HOME", str(tmp_path / "home"))
    before = network.fresh()
    change = difference(network.train(before, *network.picture(0)), before)
    length = np.sqrt(
        sum((v.astype(float) ** 2).sum() for k, v in change.items() if "running" not in k and "num" not in k)
    )
    std = 1.2 * length / np.sqrt(sum(v.size for k, v in change.items() if "running" not in k and "num" not in k))
    more = ["--threshold", "2.5", "--json", "--label", "1", "--defense", f"gaussian_noise:std={std:.4g}"]
    more += ["--set", "attack.iterations=3"]
    assert main(["audit", *of_the_round(tmp_path, change, before), *arguments(tmp_path, network, *more)]) == 3
    got = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "not the noise as described" in got["sentence"], got


def test_pictures_that_could_not_be_checked_are_not_measured():
    attacker = {"tolerance": 1e-5, "unexplained": 1e-7, "precision": 1e-6, "noise": 0.0}
    assert "--label for each reference" in doubts(attacker, None)
    assert not doubts(attacker, {"unexplained": 1e-4, "causes": [], "noise": None, "missing": ""})


@pytest.mark.parametrize(
    "more, reason",
    [
        (["--threshold", "9"], "never exceeded"),
        (["--threshold", "nan"], "is a number"),
        (["--reference", "none.png"], "none.png"),
        (["--attack", "dlg"], "--prior"),
    ],
)
def test_refusals_come_before_the_attack(tmp_path, monkeypatch, capsys, network, more, reason):
    monkeypatch.setenv("GI_HOME", str(tmp_path / "home"))
    files = record_files(tmp_path, network)
    assert main(["audit", *files, *arguments(tmp_path, network, *more)]) == 2
    assert reason in capsys.readouterr().err
    assert not list((tmp_path / "home").glob("runs/*")), "nothing was run"


def record_files(tmp_path: Path, network) -> list[str]:
    before = network.fresh()
    written = write_round(tmp_path, before, difference(network.train(before, *network.picture(0)), before), name="r")
    return ["--checkpoint", str(written["checkpoint"]), "--update", str(written["update"])]
