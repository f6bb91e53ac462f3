"""Rows of a sweep, and the files made of them: complete, documented, safe to open."""

from __future__ import annotations

import csv
import html.parser
import io
import re

import pytest

from gi_core.common.safe_text import cell
from gi_core.experiments.sweeps import table
from gi_core.jobs import sweeps
from gi_core.jobs.processes import Processes
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import SpecError
from gi_core.settings.sweep import read_sweep
from tests.conftest import ROOT
from tests.experiments.test_sweeps import asked

EVIL = '=HYPERLINK("http://x","<script>alert(1)</script>")'
RESULT = {
    "metrics": {"mse": 0.01, "psnr": 20.0, "ssim": 0.5, "lpips": None, "iip_rank": 1, "label_accuracy": 1.0},
    "model": {"parameters": 123, "accuracy": None}, "iterations": 12, "seconds": 1.5,
}  # fmt: skip


@pytest.fixture
def store(gi_home) -> Store:
    return Store()


def _ended(store: Store, number: str, accuracies: dict[int, float]) -> None:
    writer = Writer(store, Processes(store.database).register("worker", "batch"))
    while (job := writer.claim("batch")) is not None:
        accuracy = accuracies.get(job.spec["seed"], 0.5)
        utility = {"accuracy": accuracy, "chance": 0.25, "epsilon": 3.0}
        writer.finish(job.id, "done", RESULT if job.kind == "run" else utility)
    assert store.job(number).state == "done"


def test_a_row_for_each_experiment_in_the_documented_columns(store):
    noise = {"name": "defenses", "path": "defenses", "values": [[], ["gaussian_noise:std=0.1"]]}
    labels = {"name": "Labels", "path": "labels", "values": [None, [1, 2]], "labels": ["read", "two"]}
    number = sweeps.start(
        store,
        asked((0,), axes=[noise, labels], utility={"rounds": 1, "clients": 2, "pictures": 4, "seeds": [0, 1]}),
    )
    before = table.records(store, number)
    assert [row["state"] for row in before] == ["queued", "refused"] * 2 and before[0]["psnr"] is None
    _ended(store, number, {0: 0.5, 1: 0.7})
    rows = table.records(store, number)
    first, refused, second = rows[:3]
    assert list(first)[:4] == ["position", "Seed", "defenses (axis)", "Labels"]
    assert [name for name in first if name in table.COLUMNS] == list(table.COLUMNS)
    assert first["position"] == 1 and first["psnr"] == 20 and first["parameters"] == 123 and first["seconds"] == 1.5
    assert first["attack"] == "dlg" and first["adaptive"] is False and first["defenses"] == "none"
    assert second["defenses"] == "gaussian_noise:std=0.1" and second["defenses (axis)"] == second["defenses"]
    assert first["accuracy"] == pytest.approx(0.6) and first["accuracy_std"] == pytest.approx(0.2 / 2**0.5)
    assert first["accuracy_seeds"] == 2 and first["chance"] == 0.25 and first["epsilon"] == 3
    assert refused["error"].startswith("give one label") and refused["run_id"] is None and refused["accuracy"]
    assert first["error"] is None and store.job(first["run_id"]).state == "done"
    with pytest.raises(SpecError):
        table.records(store, "0" * 12)


def test_a_training_that_failed_says_why_there_is_no_accuracy(store):
    number = sweeps.start(store, asked((0,), utility={"rounds": 1, "clients": 2, "pictures": 4, "seeds": [0]}))
    writer = Writer(store, Processes(store.database).register("worker", "batch"))
    while (job := writer.claim("batch")) is not None:
        done = job.kind == "run"
        writer.finish(job.id, "done" if done else "failed", RESULT if done else None, None if done else "no such data")
    (row,) = table.records(store, number)
    assert row["state"] == "done" and row["accuracy"] is None and row["error"] == "no accuracy of seed 0: no such data"


def test_every_column_is_explained():
    assert all(text.endswith(".") and len(text) > 10 for text in table.COLUMNS.values())
    assert "position" in table.columns([]) and table.columns([{"My axis": 1}]) == {"My axis": "An axis of the sweep."}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "＝", "\v=", "\u2028=", "\u00a0="])
def test_a_cell_is_no_formula(start):
    assert cell(start + "1+1").startswith("'") and "\n" not in cell(start + "1+1")


@pytest.mark.parametrize("between", [";", "\t", "; ", ";\n"])
def test_no_formula_follows_what_parts_cells_elsewhere(between):
    assert not re.search(r"[;\t]\s*[=+@-]", cell(f"a{between}=1+1")) and cell(f"a{between}b") == f"a{between}b".replace(
        "\n", " "
    )


@pytest.mark.parametrize("value", [-1.5, "-1.5", "+3", "1e-4", "-1e-4", "abc", "a=b", "gaussian_noise:std=0.1", ""])
def test_a_number_and_plain_text_stay_what_they_are(value):
    assert cell(value) == str(value)


def test_none_and_truth_are_written_plainly():
    assert [cell(v) for v in (None, True, False, 7)] == ["", "true", "false", "7"]


class _Seen(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)


def test_what_a_person_names_reaches_no_spreadsheet_and_no_browser(store):
    axis = {"name": EVIL, "path": "device", "values": ["cpu", "auto"], "labels": [EVIL, "\r\n@SUM(A1)"]}
    number = sweeps.start(store, asked((0,), name=EVIL, axes=[axis]))
    rows = table.records(store, number)
    rows[0]["error"] = "<img src=x onerror=alert(1)> 'quoted' \"twice\""
    parsed = list(csv.reader(io.StringIO(table.to_csv(rows))))
    assert parsed[0][2] == "'" + EVIL == parsed[1][2] and parsed[2][2] == "' @SUM(A1)" and len(parsed) == 3
    assert not any(c.startswith(("=", "+", "-", "@")) for line in parsed for c in line)
    page = table.to_html(rows, EVIL, EVIL)
    seen = _Seen()
    seen.feed(page)
    assert not {"script", "img", "a", "iframe", "link", "object"} & set(seen.tags)
    assert not [a for a in seen.attributes if a.startswith("on") or a in ("src", "href")]
    assert not [text for text in seen.text if text.startswith(("=", "+", "-", "@"))]
    assert "default-src 'none'" in page and rows[0]["error"] in seen.text, "shown as it was written"


def test_the_document_explains_every_column_in_the_same_words():
    text = (ROOT / "docs" / "sweeps.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))
    assert list(listed.items()) == list(table.COLUMNS.items())


def test_the_document_s_sweep_can_be_read():
    text = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "sweeps.md").read_text(), re.DOTALL)
    sweep = read_sweep(text[1].encode(), toml=True)
    assert sweep.size == 18 and not [q for q in sweeps.questions(sweep) if q.refused]
