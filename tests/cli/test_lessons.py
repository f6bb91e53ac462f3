"""`lessons` on the command line."""

from __future__ import annotations

import json

from gi_core.cli import main
from gi_core.lessons import ready, ready_path


def test_lessons_are_listed_read_and_written(capsys, tmp_path, gi_home):
    assert main(["lessons", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == list(ready())
    assert main(["lessons", "gradient"]) == 0 and ready()["gradient"].steps[0].title in capsys.readouterr().out
    assert (
        main(["lessons", "gradient", "--toml"]) == 0 and capsys.readouterr().out == ready_path("gradient").read_text()
    )
    place = tmp_path / "handout.html"
    assert main(["lessons", str(ready_path("gradient")), "--handout", str(place)]) == 0
    assert ready()["gradient"].title in place.read_text()


def test_a_lesson_is_run_and_what_is_measured_tells_which_prediction_came_true(capsys, gi_home):
    assert main(["lessons", "gradient", "--run", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out.splitlines()[-1])["steps"]
    assert first["right"] == "The picture, pixel for pixel" and second["right"] == "Only with two classes"
    assert not first["error"] and len(second["seconds"]) == 2


def test_what_cannot_be_is_one_line(capsys, tmp_path, gi_home):
    bad = tmp_path / "bad.toml"
    bad.write_text('title = "x"')
    for words in (
        ["lessons", "gradiant"],
        ["lessons", "--run"],
        ["lessons", str(bad)],
        ["lessons", "gradient", "--handout", "x.txt"],
    ):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1
