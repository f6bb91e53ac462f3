"""Reports of what a program held: they name no command that could not run, and the program that repeats it does."""

from __future__ import annotations

import ast
import html
import re

import pytest
import torch

import gi_core as gi
from gi_core.reports.repeat import repeat
from tests.api.nets import SHAPE, gradients, picture, smooth


@pytest.fixture(autouse=True)
def home(gi_home):
    return gi_home


def told(path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", path.read_text().partition("To repeat it")[2]))


def test_a_report_of_a_module_says_how_it_is_repeated(tmp_path):
    model, x = smooth(), picture()
    update = gradients(model, x)
    result = gi.attack(
        model, update, SHAPE, attack="inverting_gradients:iterations=5", labels=[3], seed=2, progress=False
    )
    text = told(result.report(tmp_path / "leak.html"))
    assert "no command line repeats this" in text and "python -m gi_core" not in text
    assert "memory:" not in (tmp_path / "leak.html").read_text()
    program = repeat(result.experiment.model_dump(mode="json"), result.plan)
    asked = {"model": model, "gradients": update}
    exec(compile(program.replace("print", "str"), "program", "exec"), asked)  # noqa: S102
    assert torch.equal(asked["result"].images, result.images)


def test_reports_of_analyses_of_a_module(tmp_path):
    model, x = smooth(), picture()
    for found in (gi.rank(model, SHAPE, measured=True), gi.influence(model, x, 3, noise_std=1e-3, progress=False)):
        text = told(found.report(tmp_path / "found.html"))
        assert "no command line repeats this" in text and "memory:" not in text
        program = text[text.index("import gi_core as gi") :].partition("print(result)")[0]
        assert isinstance(ast.parse(program), ast.Module) and f"gi.{found.kind}(" in program
    assert "a module of your program" in repr(gi.rank(model, SHAPE))


def test_a_report_of_a_networks_name_is_repeated_by_a_command(tmp_path):
    text = told(gi.rank("lenet", (3, 32, 32)).report(tmp_path / "rank.html"))
    assert "python -m gi_core rank --model lenet --input 3x32x32" in text
