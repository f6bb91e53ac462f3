"""`reproduce` on the command line: a claim of one's own runs, is judged, and mistakes are one sentence."""

from __future__ import annotations

import json

import pytest

from gi_core.cli import main
from gi_core.reproductions import records
from gi_core.workers import executors
from tests.cli.test_refusals import refused
from tests.cli.test_sweep import Here
from tests.reproductions.test_claims import ONE


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setattr(executors, "chosen", lambda name, store, sweep, workers=None: Here(store))


def test_a_claim_of_ones_own_is_measured_and_a_planted_one_differs(here, gi_home, tmp_path, capsys):
    for published, word in ((100.0, "data or GPU missing"), (1.0, "data or GPU missing")):
        file = tmp_path / f"{published:.0f}.toml"
        file.write_text(ONE.replace("published = 100.0", f"published = {published}"))
        assert main(["reproduce", "--file", str(file), "--json", "--out", str(tmp_path / "out.json")]) == 0
        (row,) = json.loads(capsys.readouterr().out)["claims"]
        assert row["n"] == 5 and row["measured"] > 60 and row["verdict"] == word
        assert (
            row["details"]["data"] == "bundled grey faces"
            and row["interval"][0] <= row["measured"] <= row["interval"][1]
        )
    assert not (gi_home / "reproductions.json").exists()  # claims of one's own are kept apart
    assert json.loads((tmp_path / "out.json").read_text())["one_claim"]["pictures"] == 5


def test_the_publications_pictures_decide(here, gi_home, tmp_path, capsys):
    from PIL import Image

    from gi_core.data.bundled import faces

    for i in range(5):
        folder = tmp_path / "digits" / str(i)
        folder.mkdir(parents=True)
        Image.fromarray(faces()[i]).save(folder / f"{i}.png")
    for published, word in ((150.0, "reproduced"), (1.0, "differs")):
        file = tmp_path / f"{published:.0f}.toml"
        file.write_text(ONE.replace("published = 100.0", f"published = {published}"))
        assert main(["reproduce", "--file", str(file), "--pictures", f"mnist={tmp_path / 'digits'}"]) == 0
        out = capsys.readouterr().out
        assert out.startswith(word) and "runs for 1 claim in" in out and "1 claim was measured in" in out


def test_the_list_has_every_claim_and_what_was_measured(gi_home, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(records, "SHIPPED", tmp_path / "none.json")
    assert main(["reproduce", "--list", "--json", "rgap_mse_table", "idlg_mnist_labels"]) == 0
    rows = json.loads(capsys.readouterr().out)["claims"]
    assert [(row["id"], row["published"], row["verdict"]) for row in rows] == [
        ("idlg_mnist_labels", "100 %", "not measured"), ("rgap_mse_table", None, "source unread"),
    ]  # fmt: skip
    assert main(["reproduce", "--list"]) == 0
    assert "second hand" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nothing_such"], "there is no claim 'nothing_such'"),
        (["--budget", "large"], "unknown --budget"),
        (["--pictures", "mnist"], "NAME=FOLDER"),
        (["--count", "0"], "1 or more"),
        (["--file", "/nowhere/at/all.toml"], "all.toml"),
        (["--workers", "0"], "1 or more"),
        (["rgap_fcn3_release", "--pictures", "mnist=/nowhere/at/all"], "folder"),
    ],
)
def test_mistakes_are_one_sentence(arguments, word, capsys, gi_home):
    assert word in refused(capsys, "reproduce", *arguments)
