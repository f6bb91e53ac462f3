"""The recipe "add a metric", followed in a copy of the tree: two files, and it is everywhere, beside runs that lack it."""

from __future__ import annotations

import csv
import html
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.copies import copied

pytestmark = pytest.mark.slow  # 14 seconds, and as many again where two workers share these tests

NAME, TITLE = "recipe_error", "Recipe's error"

MODULE = f'''"""Mean absolute error: mean(|a - b|)."""

from __future__ import annotations

import numpy as np


def {NAME}(a: np.ndarray, b: np.ndarray) -> float:
    """mean(|a - b|) over all values. a, b: (C, H, W) in [0, 1]."""
    return float(np.abs(a - b).mean())
'''
ENTRY = f"""    Metric(
        "{NAME}", "{TITLE}", "lower", "Mean absolute error of the pixels, both pictures in [0, 1].",
        "gi_core.metrics.absolute.{NAME}", thresholds={{"least": 0.01}},
    ),
"""
END = ")  # fmt: skip\n\nMETRICS"
ASKED = (
    "--sample bundled/faces:3 --size 8 --model lenet:width=4,classes=4,init=uniform --device cpu"
    " --attack levenberg_marquardt:iterations=3,krylov=5,restarts=1"
)
SWEEP = """
name = "Seeds"

[base]
samples = ["bundled/faces:3"]
size = 8
channels = 1
model = "lenet:width=4,classes=4,init=uniform"
attack = "levenberg_marquardt:iterations=3,krylov=5,restarts=1"
device = "cpu"

[[axes]]
name = "Seed"
path = "seed"
values = [3, 4]
"""
LOOK = """
import json
import sys

from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from pages.shared import session
from tests.pages.opened import Still, opened

PagesManager.uses_pages_directory = False
made = PagesManager.__init__


def init(self, *given, **named):
    PagesManager.uses_pages_directory = False
    made(self, *given, **named)


PagesManager.__init__, session.Dispatcher = init, Still


def said(app):
    return "".join(h.value for h in app.html if not h.value.startswith("<style"))


def frontier():
    import json

    from pages.frontier import view

    view.choice(json.loads(open("rows.json").read()))


old, new, sweep = sys.argv[1:]
sweeps = opened("sweeps", sweep=sweep)
wall = opened("wall").get_by_key("wall_score")
leakage = AppTest.from_function(frontier).run()
print(json.dumps({
    "old": said(opened("lab", run=old)), "new": said(opened("lab", run=new)),
    "compare": said(opened("runs", compare=f"{old},{new}")),
    "chart": list(sweeps.selectbox(key="sweep_y").options), "sweep": said(sweeps),
    "wall": [str(option) for option in wall.options],
    "frontier": list(leakage.selectbox(key="frontier_metric").options),
}))
"""


@dataclass
class Grown:
    """A copy of the tree with one metric more, its store, and what was asked of it. old: the run from before."""

    folder: Path
    home: Path
    old: dict
    new: dict
    sweep: dict
    table: list[dict[str, str]]

    def run(self, *arguments: str) -> str:
        """What a command in the copy printed."""
        return run(self.folder, self.home, *arguments)


def run(folder: Path, home: Path, *arguments: str) -> str:
    places = {"GI_HOME": str(home / "store"), "GI_DATA": str(home / "data"), "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1", **places},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def last(printed: str) -> dict:
    return json.loads(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Grown:
    folder, home = copied(tmp_path_factory.mktemp("tree")), tmp_path_factory.mktemp("home")
    attack = ("-m", "gi_core", "attack", *ASKED.split(), "--json")
    old = last(run(folder, home, *attack, "--seed", "1"))
    (folder / "gi_core" / "metrics" / "absolute.py").write_text(MODULE)
    registry = folder / "gi_core" / "metrics" / "registry.py"
    text = registry.read_text()
    assert text.count(END) == 1
    registry.write_text(text.replace(END, ENTRY + END))
    new = last(run(folder, home, *attack, "--seed", "2"))
    (folder / "seeds.toml").write_text(SWEEP)
    sweep = last(run(folder, home, *"-m gi_core sweep seeds.toml --workers 1 --csv rows.csv --json".split()))
    table = list(csv.DictReader((folder / "rows.csv").open(newline="")))
    return Grown(folder, home, old, new, sweep, table)


def test_a_run_measures_it_for_each_picture_and_on_average(grown):
    assert NAME not in grown.old["metrics"] and set(grown.old["metrics"]) == set(grown.new["metrics"]) - {NAME}
    (entry,) = grown.new["per_image"]
    assert 0 < entry[NAME] == grown.new["metrics"][NAME] and entry[NAME] ** 2 <= entry["mse"]


def test_a_sweep_has_it_as_a_column_of_rows_and_files(grown):
    rows = grown.sweep["rows"]
    assert len(rows) == 2 and [float(row[NAME]) for row in grown.table] == [row[NAME] for row in rows]
    names = list(grown.table[0])
    assert names.index(NAME) > names.index("label_accuracy"), "after those that there were"


def test_the_report_tells_it_and_reads_a_run_from_before(grown):
    told = grown.run("-m", "gi_core", "runs", "show", grown.new["run_id"])
    assert f"\n{TITLE} " in told and "Mean absolute error of the pixels" in told
    before = grown.run("-m", "gi_core", "runs", "show", grown.old["run_id"])
    assert "\nPSNR " in before and TITLE not in before
    listed = last(grown.run("-m", "gi_core", "runs", "list", "--json"))
    assert {run["run_id"]: NAME in run["metrics"] for run in listed} == {
        grown.old["run_id"]: False, grown.new["run_id"]: True,
    }  # fmt: skip


def test_every_page_offers_it(grown):
    (grown.folder / "rows.json").write_text(json.dumps(grown.sweep["rows"]))
    (grown.folder / "look.py").write_text(LOOK)
    seen = last(grown.run("look.py", grown.old["run_id"], grown.new["run_id"], grown.sweep["sweep_id"]))
    title, value = html.escape(TITLE), f"{grown.new['metrics'][NAME]:.3f}"
    assert f"<span>{title}</span><b>not measured</b>" in seen["old"]
    assert f"<span>{title}</span><b>{value}</b>" in seen["new"]
    assert f"<th scope='row'>{title}</th><td>not measured</td><td>{value}</td>" in seen["compare"]
    assert f'<th scope="col">{title}</th>' in seen["sweep"]
    for place in ("chart", "wall", "frontier"):
        assert TITLE in seen[place] and "PSNR" in seen[place], place


def test_a_sweep_s_answer_and_a_frontier_s_point_may_be_about_it(grown):
    code = f"""
import json
from gi_core.analysis.frontier import points
from gi_core.experiments.sweeps.answers import answer
from gi_core.experiments.sweeps.choices import Choice

rows = json.load(open("table.json"))
(point,) = points(rows, "{NAME}")
print(json.dumps([answer(rows, Choice("Seed", "{NAME}")).claim, point.leakage]))
"""
    (grown.folder / "table.json").write_text(json.dumps(grown.sweep["rows"]))
    claim, leakage = last(grown.run("-c", code))
    assert f"median {TITLE} 0." in claim and leakage == pytest.approx(sum(r[NAME] for r in grown.sweep["rows"]) / 2)


def test_the_table_of_the_documents_has_its_row(grown):
    told = grown.run("-m", "gi_core.metrics.document")
    assert f"| {TITLE} | `{NAME}` | – | lower | Mean absolute error of the pixels" in told
