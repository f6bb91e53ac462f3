"""One registry of metrics: what an entry must say, where it reaches, and that no other list of them is kept."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from gi_core.experiments.sweeps import choices, table
from gi_core.jobs.job import Point
from gi_core.metrics import document
from gi_core.metrics.meanings import EVERYWHERE, Metric
from gi_core.metrics.registry import LIVE, METRICS, drawn, shown
from tests.conftest import ROOT
from tests.test_house_rules import loaded


def metric(**changes) -> Metric:
    entry = {
        "name": "mae",
        "title": "MAE",
        "better": "lower",
        "sentence": "Mean absolute error.",
        "function": "math.dist",
    }
    return Metric(**{**entry, "thresholds": {"least": 0.01}, **changes})


@pytest.mark.parametrize("name", METRICS)
def test_an_entry_has_all_that_a_page_says(name):
    entry = METRICS[name]
    assert entry.name == name and entry.title and entry.sentence.endswith(".") and callable(entry.load())
    assert entry.shown(None) == "not measured" and entry.sign == {"higher": 1, "lower": -1}[entry.better]


def test_values_read_as_they_did():
    assert shown("psnr", 23.14) == "23.1 dB" and shown("mse", 3e-7) == "3.0e-07" and shown("ssim", 0.5) == "0.500"
    assert shown("lpips", None) == "not measured" and shown("iip_rank", 1) == "1" and shown("iip_rank", 2.5) == "2.5"
    assert shown("label_accuracy", 0.5) == "50 %" and shown("iip_percentile", 99.5) == "99.5 %"
    assert shown("unknown", 0.25) == "0.250" and shown("unknown", None) == "not measured"


ORDERS = {
    "lab": "psnr ssim mse lpips iip_rank rdlv label_accuracy",
    "pictures": "psnr ssim mse iip_rank",
    "table": "mse psnr ssim lpips iip_rank rdlv label_accuracy",
    "chart": "psnr ssim lpips mse iip_rank rdlv",
    "frontier": "psnr ssim mse lpips iip_rank",
    "wall": "psnr ssim mse lpips iip_rank",
}


FIRST = "mse psnr ssim ssim_blank lpips iip_rank iip_percentile rmse_unclamped rdlv label_accuracy".split()


@pytest.mark.parametrize("place", ORDERS)
def test_a_place_has_the_members_and_the_order_it_had(place):
    """Of the metrics that there were first; what is added stands among them."""
    assert [name for name in drawn(place) if name in FIRST] == ORDERS[place].split()
    assert set(ORDERS) == EVERYWHERE and choices.MEASURES == drawn("chart")


def test_a_report_has_the_order_it_had():
    assert [name for name in METRICS if name in FIRST] == FIRST


def test_the_live_curve_is_of_metrics_that_a_point_keeps():
    assert set(LIVE) <= set(METRICS) and set(LIVE) <= set(Point.__dataclass_fields__)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"name": "mean error"}, "a name in letters"),
        ({"title": ""}, "a title"),
        ({"sentence": "Mean absolute error"}, "a sentence"),
        ({"better": "larger"}, "better is higher or lower"),
        ({"takes": "everything"}, "takes is pair or batch"),
        ({"drawn": frozenset({"lab", "moon"})}, "moon"),
        ({"thresholds": {"exact": 0.1}}, "needs the threshold least"),
    ],
)
def test_an_entry_that_could_not_be_drawn_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        metric(**changes)
    assert metric(drawn=EVERYWHERE - {"frontier"}, thresholds={}).drawn == EVERYWHERE - {"frontier"}


def test_a_function_that_is_not_there_is_an_error():
    with pytest.raises(AttributeError):
        metric(function="gi_core.metrics.pixels.no_such").load()
    with pytest.raises(ImportError):
        metric(function="gi_core.metrics.no_such.mae").load()


def test_the_registry_and_its_document_load_nothing_heavy():
    heavy = ("torch", "torchvision", "lpips", "skimage", "scipy", "numpy", "streamlit")
    assert loaded("import gi_core.metrics.registry, gi_core.metrics.document, gi_core.metrics.words", *heavy) == []


def test_the_table_s_columns_are_the_registry_s():
    names = [name for name in table.COLUMNS if name in METRICS]
    assert tuple(names) == drawn("table") and all(METRICS[n].sentence in table.COLUMNS[n] for n in names)


def test_the_table_of_a_document_has_a_row_for_each_and_is_written_between_its_marks(tmp_path, capsys):
    rows = document.table().splitlines()
    assert len(rows) == 2 + len(METRICS) and all(row.count("|") == rows[0].count("|") for row in rows)
    page = tmp_path / "page.md"
    one, two = (
        document.MARKS[0].format(name) + "\n{}" + document.MARKS[1].format(name) + "\n" for name in document.TABLES
    )
    page.write_text(f"# Metrics\n\n{one}\nmore\n{two}".format("old\n", "older\n"))
    assert document.main([str(page)]) == 0 and document.written(page.read_text()) == page.read_text()
    assert page.read_text() == f"# Metrics\n\n{one}\nmore\n{two}".format(document.table(), document.columns())
    page.write_text("no marks")
    assert (
        document.main([str(page)]) == 2
        and "no table has a place" in capsys.readouterr().err
        and page.read_text() == "no marks"
    )
    assert document.main([]) == 0 and capsys.readouterr().out == document.table()


def named(node: ast.AST) -> list[str]:
    """The texts that a literal lists: elements, keys, and the first of each row."""
    if isinstance(node, ast.Dict):
        parts = list(node.keys)
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        parts = [part.elts[0] if isinstance(part, (ast.Tuple, ast.List)) and part.elts else part for part in node.elts]
    else:
        return []
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def kept_by_hand(text: str) -> list[int]:
    """Lines where a literal names two metrics or more, by name or by title."""
    known = {word.lower() for entry in METRICS.values() for word in (entry.name, entry.title)}
    return [n.lineno for n in ast.walk(ast.parse(text)) if len({t.lower() for t in named(n)} & known) > 1]


SOURCES = [ROOT / "app.py", *(p for folder in ("gi_core", "pages", "assets") for p in (ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent != ROOT / "gi_core" / "metrics"], ids=str)
def test_no_other_module_keeps_a_list_of_metrics(path):
    lines = kept_by_hand(path.read_text())
    assert not lines, f"line {lines[0]}: take the names from gi_core.metrics.registry (drawn, METRICS, LIVE)"


@pytest.mark.parametrize(
    "text", ['X = ("psnr", "ssim")', 'X = {"mse": 1, "lpips": 2}', 'f(["PSNR", "rdlv"])', 'X = (("psnr", 1), ("mse", 2))', 'X = {"iip_rank", "mse"}']
)  # fmt: skip
def test_such_a_list_would_be_found(text):
    assert kept_by_hand(text) == [1] and not kept_by_hand('X = ("psnr", "seconds")')


def test_a_metric_is_an_entry_that_cannot_change():
    with pytest.raises(AttributeError):
        METRICS["mse"].title = "x"
    assert replace(METRICS["mse"], title="Error").title == "Error"
