"""What the documents say is there, is there: links, headings, paths, names, and README's Python."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *PAGES]
MODULES = sorted([ROOT / "app.py", *(ROOT / "gi_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])
MOST_WORDS = 700

_FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
_PICTURE = re.compile(r'(?:src|srcset)="([^"]+)"')
_PATH = re.compile(r"(?<![\w./-])((?:gi_core|pages|tests|assets|benchmarks|examples|docs)/[\w./-]*\w|app\.py)")
_NAME = re.compile(r"(?<![\w./])(?:gi_core|pages|tests)(?:\.\w+)+")
_ENDINGS = ("py", "md", "toml", "json", "npz", "png", "csv", "css", "js")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def anchors(path: Path) -> set[str]:
    return {
        anchor(line.lstrip("# ")) for line in _FENCED.sub("", path.read_text()).splitlines() if line.startswith("#")
    }


def links(path: Path) -> list[str]:
    """Everything that a document links to or shows within the repository."""
    text = _FENCED.sub("", path.read_text())
    return [to for to in _LINK.findall(text) + _PICTURE.findall(text) if not to.startswith(("http://", "https://"))]


def spoken(path: Path) -> str:
    """The text of a document; of a module all its docstrings."""
    if path.suffix != ".py":
        return path.read_text()
    nodes = ast.walk(ast.parse(path.read_text()))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return "\n".join(ast.get_docstring(node) or "" for node in nodes if isinstance(node, kinds))


@lru_cache
def defined(path: Path) -> frozenset[str]:
    """Names that a module defines or imports at its top, without loading it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return frozenset(found)


def is_there(dotted: str) -> bool:
    """Whether gi_core.a.b.c is a package, a module, or a name in one."""
    parts = dotted.split(".")
    if parts[-1] in _ENDINGS:  # a file name in a folder of the user's
        return True
    place = ROOT
    for depth, part in enumerate(parts):
        if (place / part).is_dir():
            place /= part
            continue
        module = place / f"{part}.py"
        if module.is_file():
            rest = parts[depth + 1 :]
            return not rest or rest[0] in defined(module)
        return (place / "__init__.py").is_file() and part in defined(place / "__init__.py")
    return True


def test_readme_is_short():
    assert len(README.read_text().split()) <= MOST_WORDS


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path):
    found = links(path)
    for to in found:
        file, _, place = to.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{to} is not there"
        if place:
            assert place in anchors(target), f"{to}: no such heading"
    assert found or path.parent.name == "docs"


@pytest.mark.parametrize("path", [*DOCUMENTS, *MODULES], ids=name)
def test_every_path_and_name_exists(path):
    text = spoken(path)
    for found in _PATH.findall(text):
        assert (ROOT / found).exists(), f"{found} is not there"
    for found in _NAME.findall(text):
        assert is_there(found), f"there is no {found}"


def test_what_is_missing_is_found_missing():
    assert is_there("gi_core.settings.build") and is_there("gi_core.attacks.base.Attack") and is_there("pages.lab")
    assert not is_there("gi_core.spec.documents") and not is_there("gi_core.settings.nothing")
    assert not is_there("gi_core.attacks.base.Nothing") and not is_there("gi_core.attacks.base.Nothing.deeper")
    assert _PATH.findall("see `gi_core/spec/x.py`, attacks/base.py") == ["gi_core/spec/x.py"]


def test_every_page_is_two_clicks_from_readme():
    first = {(README.parent / to.partition("#")[0]).resolve() for to in links(README)}
    second = {
        (page.parent / to.partition("#")[0]).resolve() for page in first if page.suffix == ".md" for to in links(page)
    }
    assert set(PAGES) <= first | second


def test_the_rooms_stand_in_the_order_of_the_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c.get("containers") == ["gi_core"])
    told = re.findall(r"^\| `gi_core/(\w+)` \|", (ROOT / "docs" / "architecture.md").read_text(), re.M)
    there = [layer for layer in layers if not layer.startswith("(")]  # in parentheses stands what is yet to come
    assert told == there[::-1]


def test_readme_shows_the_attacks_that_there_are():
    from gi_core.settings import ATTACKS

    shown = re.findall(r"^\| ([^|]+?) \|", README.read_text().partition("## Attacks")[2].partition("\n## ")[0], re.M)
    assert sorted(shown[1:]) == sorted(cls.title for cls in ATTACKS.values())


@pytest.mark.parametrize("document", ["docs/words.md", "docs/sweeps.md"])
def test_the_tables_of_metrics_are_those_of_the_registry(document):
    from gi_core.metrics.document import written

    text = (ROOT / document).read_text()
    assert written(text) == text, f"python -m gi_core.metrics.document {document} writes it anew"


OWN = """
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
    nn.Conv2d(48, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.Flatten(), nn.Linear(48 * 64, 10),
).eval()
"""
RESNET = """
import torch
from gi_core.common.vision import import_torchvision
from torch import nn

torch.manual_seed(0)
import_torchvision()
from torchvision.models import resnet18

model = resnet18().eval()
"""
GRADIENTS = """
x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
seen = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
gradients = torch.autograd.grad(nn.functional.cross_entropy(model(seen), torch.tensor([7])), list(model.parameters()))
"""
JUDGE = """
import json
print()
print(json.dumps({"psnr": result.compare(x)["metrics"]["psnr"], "label": result.labels.tolist(), "tried": result.tried}))
"""


def program() -> str:
    """The five lines of README's Python."""
    found = re.search(r"^```python\n(.*?)^```$", README.read_text(), re.M | re.S)
    assert found is not None and sum(bool(line.strip()) for line in found[1].splitlines()) == 5
    return found[1]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "least"), [(OWN, 25), (RESNET, 0)], ids=["own", "resnet18"])
def test_readme_python_runs(model, least, tmp_path):
    """The five lines of README on a module with batch norm and ReLU, and on torchvision's ResNet-18. What comes back is asked
    of a bound on the work alone: twenty seconds of a busy machine may be too few.
    """
    lines = program().replace("seconds=20", 'attack="auto:iterations=100"') if least else program()
    assert not least or lines != program()
    environment = {**os.environ, "GI_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", model + GRADIENTS + lines + JUDGE], cwd=tmp_path, env=environment, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["psnr"] > least and found["label"] == [7], found
    assert (tmp_path / "leak.html").stat().st_size > 10_000
