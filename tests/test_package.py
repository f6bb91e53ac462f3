"""The package as others install it: what it needs, what is in it, and that it works from an empty environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import time
import tomllib
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

import gi_core
from gi_core.cli import dashboard, main

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {"app": "", "cluster": "-cluster", "dev": "-dev", "dicom": "-dicom", "figures": "-figures", "flower": "-flower", "models": "-models", "nvflare": "-nvflare", "sign-in": "-sign-in"}  # fmt: skip
LARGEST = 6_000_000
"""Bytes of the wheel."""


def pinned(name: str) -> dict[str, str]:
    """Requirement -> version, as the file pins it."""
    lines = (ROOT / f"requirements{name}.txt").read_text().splitlines()
    return dict(re.fullmatch(r"(\S+)==(\S+)", line.split("#")[0].strip()).groups() for line in lines if "==" in line)


def asked(lines: list[str]) -> dict[str, str]:
    return dict(re.fullmatch(r"(\S+)>=(\S+)", line).groups() for line in lines if ">=" in line)


def test_what_is_installed_is_what_is_tested():
    extras = {name: asked(lines) for name, lines in PROJECT["optional-dependencies"].items()}
    assert asked(PROJECT["dependencies"]) | extras.pop("app") == pinned("")
    for name, wanted in extras.items():
        shared = {"numpy"} if name in ("flower", "nvflare") else set()  # the core asks for it already
        assert wanted == {k: v for k, v in pinned(EXTRAS[name]).items() if k not in shared}, name
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"])


def test_the_dashboard_is_served_from_where_the_package_lies(monkeypatch, capsys):
    run = []
    monkeypatch.setattr(dashboard, "serve", lambda command: run.append(command) or 0)
    assert main(["app", "--port", "8600"]) == 0
    assert run == [[sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", "8600"]]
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    assert main(["app"]) == 2 and dashboard.INSTALL in capsys.readouterr().err
    assert main(["app", "--port", "80"]) == 2 and "1024" in capsys.readouterr().err


def test_the_changelog_begins_with_this_version():
    versions = re.findall(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0][0] == gi_core.__version__ and len(versions) >= 2
    numbers = [tuple(map(int, version.split("."))) for version, _ in versions]
    assert numbers == sorted(numbers, reverse=True) and [d for _, d in versions] == sorted(
        (d for _, d in versions), reverse=True
    )


def test_the_import_is_light():
    heavy = "torch, numpy, pydantic, streamlit".split(", ")
    code = f"import sys, gi_core; print(gi_core.__version__, *(m for m in {heavy} if m in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == [gi_core.__version__]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the wheel and the source archive, built without a network."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=ROOT, check=True, capture_output=True
    )
    return out


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(built):
    (wheel,) = built.glob("*.whl")
    assert wheel.stat().st_size < LARGEST
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2 and "gi_core" in tops and not any("__pycache__" in name for name in names)
    for needed in (
        "py.typed",
        "settings/presets.json",
        "studio/app.py",
        "studio/pages/web/lab.css",
        "studio/.streamlit/config.toml",
    ):
        assert f"gi_core/{needed}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (archive,) = built.glob("*.tar.gz")
    inside = {name.partition("/")[2] for name in tarfile.open(archive).getnames()}
    assert {"app.py", "tests/conftest.py", "docs/README.md", "requirements.txt", "LICENSE"} <= inside
    assert not any(name.startswith((".venv", ".git/")) for name in inside)


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """An environment with the wheel in it; the libraries are those of this one, for nothing can be fetched."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place, with_pip=True)
    (wheel,) = built.glob("*.whl")
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    subprocess.run(pip, check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


@pytest.mark.slow
def test_an_installation_attacks_and_serves_the_dashboard(installed, tmp_path):
    around = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"GI_HOME": str(tmp_path / "home")}
    gistudio = str(installed / "bin" / "gistudio")
    tiny = [
        "--sample",
        "bundled/faces:3",
        "--size",
        "8",
        "--model",
        "lenet:width=4,classes=4",
        "--attack",
        "dlg:iterations=2",
    ]
    run = subprocess.run(
        [gistudio, "attack", *tiny, "--json"], cwd=tmp_path, env=around, capture_output=True, text=True
    )
    assert run.returncode == 0 and '"status": "done"' in run.stdout, run.stderr
    from pages.shared.plotting import ADDRESS
    from tests.browser.conftest import free_port

    port = free_port()
    server = subprocess.Popen([gistudio, "app", "--port", str(port)], cwd=tmp_path, env=around)
    try:
        page = _read(f"http://127.0.0.1:{port}/", server)
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{ADDRESS}", timeout=60) as script:
            assert script.headers["Content-Type"].startswith("text/javascript") and b"plotly.js v" in script.read()
    finally:
        server.terminate()  # the command became the server, so that the signal is its own
        server.wait(60)


@pytest.mark.slow
def test_the_lines_of_readme_run_in_an_installation(installed, tmp_path):
    from tests.test_docs import GRADIENTS, JUDGE, OWN, program

    around = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"GI_HOME": str(tmp_path / "home")}
    code = OWN + GRADIENTS + program() + JUDGE + "\nimport gi_core; print(gi_core.__file__)"
    run = subprocess.run(
        [str(installed / "bin" / "python"), "-c", code], cwd=tmp_path, env=around, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert str(installed) in run.stdout.splitlines()[-1] and (tmp_path / "leak.html").stat().st_size > 10_000


def _read(url: str, server: subprocess.Popen):
    """The answer, as soon as the server gives one."""
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            return urllib.request.urlopen(url, timeout=30)
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the dashboard did not answer")
