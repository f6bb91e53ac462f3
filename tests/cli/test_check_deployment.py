"""`check-deployment` on the command line: the object, the document, the exit code, and mistakes."""

from __future__ import annotations

import json

import pytest

from gi_core.cli import check_deployment, main
from gi_core.deployment import deployment, found
from gi_core.jobs.store import Store
from tests.cli.test_refusals import refused
from tests.deployment.helpers import rows


def test_what_was_found_is_printed_and_written(monkeypatch, capsys, gi_home, tmp_path):
    asked = deployment({"network": "transformer", "server": "honest"})

    def measure(bar, given, workers):
        assert given == asked
        return found(asked, rows(asked, lambda case: "nothing" if case.measure else "seen")), Store(), ""

    monkeypatch.setattr(check_deployment, "measure", measure)
    line = ["check-deployment", "--network", "transformer", "--server", "honest"]
    assert main([*line, "--json"]) == 3  # as an audit that withholds
    said = json.loads(capsys.readouterr().out)
    assert said["level"] == "exposed" and said["answers"]["size"] == "unknown"
    assert said["cases"][0]["seen"] == 8 and said["cases"][0]["interval"][0] > 0.6
    assert main([*line, "--out", str(tmp_path / "finding.html")]) == 3
    assert capsys.readouterr().out.startswith("Private pictures can be read back from what clients send.")
    assert "Can a server read" in (tmp_path / "finding.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--network", "transfomer"], "transformer"),
        (["--out", "finding.txt"], ".pdf"),
        (["--config", "nothing.json"], "there is no file nothing.json"),
        (["--workers", "0"], "1 or more"),
        (["--pictures", "3"], "unknown --pictures '3'"),
    ],
)
def test_mistakes_are_one_sentence(arguments, word, capsys, gi_home):
    assert word in refused(capsys, "check-deployment", *arguments)


def test_files_of_a_job_answer_what_is_not_said(monkeypatch, capsys, gi_home, tmp_path):
    file = tmp_path / "meta.json"
    file.write_text('{"deploy_map": {}, "min_clients": 4, "app_config": "--batch_size 4 --local_steps 5"}')
    seen = []

    def measure(bar, given, workers):
        seen.append(given)
        return found(given, rows(given, lambda case: "nothing")), Store(), ""

    monkeypatch.setattr(check_deployment, "measure", measure)
    line = ["check-deployment", "--config", str(file), "--steps", "unknown", "--server", "honest"]
    assert main([*line, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["read"]
    assert (seen[0].pictures, seen[0].steps, seen[0].server) == ("4", "unknown", "honest")
    assert said["framework"] == "NVFlare" and said["lines"][0]["key"] == "min_clients"
    assert main(line) == 0
    shown = capsys.readouterr().err
    assert "meta.json: app_config --batch_size = 4:" in shown and "not told: network. No model is named." in shown
