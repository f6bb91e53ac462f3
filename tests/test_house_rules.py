"""One direction of flow: what each room may load, on the modules that are really loaded."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([ROOT / "app.py", *(ROOT / "gi_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])


def loaded(program: str, *names: str) -> list[str]:
    """Which of `names` a fresh interpreter has loaded after `program`."""
    code = f"import sys, pkgutil, importlib\n{program}\nprint([n for n in {names!r} if n in sys.modules])"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return ast.literal_eval(done.stdout.splitlines()[-1])


def test_the_core_never_loads_streamlit():
    every = (
        "import gi_core\n"
        "for module in pkgutil.walk_packages(gi_core.__path__, 'gi_core.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "assert 'gi_core.attacks.second_order.levenberg_marquardt' in sys.modules and 'torch' in sys.modules"
    )
    assert loaded(every, "streamlit", "pages", "plotly") == []


ROOMS = [
    "settings",
    "settings.drawings",
    "settings.recursion_checks",
    "analysis.rank",
    "data",
    "metrics",
    "common.paths",
    "jobs.store",
    "jobs.dispatcher",
    "experiments.sweeps.table",
    "reports.subjects",
    "reports.archive_opening",
    "cli",
]


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_that_pages_enter_load_nothing_heavy(room):
    assert loaded(f"import gi_core.{room}", "torch", "torchvision", "lpips", "skimage", "streamlit") == []


def test_the_language_knows_no_other_room():
    text = "import gi_core.settings\nothers = [n for n in sys.modules if n.startswith('gi_core.')]\n"
    assert (
        loaded(text + "assert all(n.startswith(('gi_core.settings', 'gi_core.common')) for n in others), others") == []
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file(path):
    """One idea with a docstring, at most 250 lines, nothing unfinished, nothing that runs a pickle."""
    text = path.read_text()
    lines = text.splitlines()
    assert not lines or ast.get_docstring(ast.parse(text)), "say in the first line what the file is"
    assert len(lines) <= 250
    for word in ("TODO", "FIXME", "NotImplementedError", "allow_pickle=True", "weights_only=False"):
        assert word not in text


def test_every_chart_is_drawn_by_one_library():
    """Pages show what `gi_core/figures` draws, by the component of `pages/shared/result/charts.py`."""
    other = (
        "echarts",
        "vega",
        "altair",
        "line_chart",
        "bar_chart",
        "area_chart",
        "scatter_chart",
        "pyplot",
        "plotly_chart",
    )
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        used |= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        assert not [name for name in used if any(word in name for word in other)], path
    scripts = (ROOT / "pages" / "web").glob("*.js")
    assert [path.name for path in scripts if "Plotly" in path.read_text()] == ["chart.js"]
