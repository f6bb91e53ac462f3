"""`rank` on the command line, and networks read from a file."""

from __future__ import annotations

import json

import pytest

from gi_core.cli import main
from gi_core.cli.question import network
from gi_core.settings.custom import CustomNet

DRAWN = {"layers": [{"kind": "conv", "channels": 8, "kernel": 4, "stride": 2, "padding": 2}], "logits": "one"}


def said(capsys, *argv: str) -> str:
    assert main(["rank", *argv]) == 0
    return capsys.readouterr().out


def refused(capsys, *argv: str) -> str:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1 and err.startswith("error: ")
    return err


@pytest.fixture
def drawn(tmp_path):
    path = tmp_path / "drawn.json"
    path.write_text(json.dumps(DRAWN))
    return path


def test_a_table_with_the_verdict_first(capsys):
    lines = said(capsys, "--model", "cnn6_d").splitlines()
    assert lines[0] == "cnn6_d, 3x32x32: optimisation" and "280 of the 3468" in lines[1]
    head = lines[3]
    assert head.split()[:2] == ["layer", "what"] and "condition" not in head
    row = next(line for line in lines if line.startswith("conv2"))
    place = head.index("missing") + len("missing")
    assert row[:place].endswith(" 280") and row.endswith("under-determined")


def test_json_is_one_object(capsys):
    document = json.loads(said(capsys, "--model", "lenet:width=6", "--input", "1x20x24", "--json").splitlines()[-1])
    assert document["model"] == "lenet:width=6" and document["input"] == [1, 20, 24]
    assert document["mode"] == "count" and [row["name"] for row in document["layers"]][-1] == "fc"
    assert json.loads(said(capsys, "--model", "fcn3", "--json"))["input"] == [1, 28, 28]


def test_numeric_builds_and_measures(capsys, drawn):
    document = json.loads(said(capsys, "--model", f"custom:{drawn}", "--input", "1x8x8", "--numeric", "--json"))
    assert document["mode"] == "numeric" and document["condition"] > 1
    assert "measured" in said(capsys, "--model", f"custom:{drawn}", "--input", "1x8x8", "--numeric")


def test_a_drawn_network_from_a_file(drawn):
    settings = network(f"custom:{drawn}")
    assert settings == CustomNet.model_validate(DRAWN) and settings.one_logit
    assert network("custom:logits=one").one_logit and network("custom") == CustomNet()


def test_the_experiment_holds_the_layers_of_the_file(capsys, drawn, gi_home, tmp_path):
    argv = ["attack", "--sample", "bundled/faces:3", "--size", "8", "--model", f"custom:{drawn}"]
    out = tmp_path / "out"
    assert main([*argv, "--attack", "dlg:iterations=1,trials=1", "--out", str(out), "--json"]) == 0
    kept = json.loads((out / "experiment.json").read_text())["model"]
    assert kept["kind"] == "custom" and kept["layers"][0]["channels"] == 8


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"layers": [{"kind": "convv"}]}', "did you mean 'conv'?"),
        ('{"layers": [', "it is not JSON"),
        ('{"layers": [{"kind": "conv", "chanels": 3}]}', "chanels"),
        ("[" * 200_000, "too large for a network"),
        ("[" * 5000, "not"),
        (json.dumps({"layers": [{"kind": "dense"}] * 41}), "at most 40"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(capsys, tmp_path, text, says):
    path = tmp_path / "network.json"
    path.write_text(text)
    for command in ("rank", "attack"):
        assert says in refused(capsys, command, "--model", f"custom:{path}")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("--model custom:nowhere.json", "there is no network file 'nowhere.json'"),
        ("--model custom:/dev/zero", "there is no network file '/dev/zero'"),
        ("--model lenett", "did you mean 'lenet'?"),
        ("--model lenet --input 3x32", "such as 3x32x32"),
        ("--model lenet --input 3x0x32", "such as 3x32x32"),
        ("--model lenet --input 3x9999x32", "at most"),
        ("--model lenet --input 3x2x2", "at least 4 pixels"),
        ("--model resnet18 --input 1x64x64", "takes colour pictures"),
        ("--model lenet --numerc", "did you mean '--numeric'?"),
        ("", "--model"),
    ],
)
def test_mistakes_are_one_sentence(capsys, argv, says):
    assert says in refused(capsys, "rank", *argv.split())


def test_known_transformers_are_a_table(capsys):
    assert main(["rank", "--transformers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 11 and lines[1].split()[-7:-3] == ["49", "15", "4", "exact,"]
    assert main(["rank", "--transformers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["exact_most"] == 4


def test_a_transformer_says_what_each_batch_leaves_open(capsys):
    assert main(["rank", "--model", "vit:patch=32,hidden=768,heads=12,depth=12", "--input", "3x224x224"]) == 0
    said = capsys.readouterr().out
    assert "up to 4 pictures behind one gradient come back exactly too" in said and "not told apart" in said


def test_rounds_say_after_how_many_updates_a_picture_is_exact(capsys):
    asked = ["--model", "lenet:width=1,activation=tanh", "--input", "1x10x10", "--rounds", "8"]
    printed = said(capsys, *asked)
    assert "Safe from exact recovery in one round, exact after" in printed and "directions shown" in printed
    found = json.loads(said(capsys, *asked, "--rate", "0", "--json"))["rounds"]
    assert found["exact_after"] is None and len(found["rounds"]) == 8 and found["rate"] == 0
    assert "--rounds K" in refused(capsys, "rank", "--model", "lenet", "--rate", "1")
