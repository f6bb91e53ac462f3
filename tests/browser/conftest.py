"""A real server and a real browser, on a store of their own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gi_core.jobs.store import Store

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FAILED = pytest.StashKey[bool]()
PATIENCE = 180.0
"""Seconds that nothing on a page takes, however busy the machine; how long things take is measured in `benchmarks`."""
ASKED = 60_000
"""Milliseconds after which a page of which a test failed is said not to answer."""
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class Server:
    """A running dashboard. store: what it works on."""

    url: str
    store: Store
    process: subprocess.Popen
    start: list[str]
    environment: dict[str, str]

    def wait(self) -> None:
        for _ in range(150):
            try:
                if urllib.request.urlopen(self.url + "/_stcore/health", timeout=2).read() == b"ok":
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the server did not start")

    def restart(self) -> None:
        """Kill the server, not its workers, and start it again on the same port."""
        self.process.terminate()
        self.process.wait(20)
        self.process = subprocess.Popen(
            self.start, cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """`streamlit run app.py` on a free port with a fresh GI_HOME; its worker is warm."""
    with served(tmp_path_factory.mktemp("home"), free_port()) as found:
        yield found


@contextmanager
def served(
    home: Path, port: int, *options: str, program: str = "streamlit", script: str = "app.py"
) -> Iterator[Server]:
    """The dashboard on that port and store, with more options of Streamlit's."""
    start = [sys.executable, "-m", program, "run", script, "--server.port", str(port), *options]
    environment = {**os.environ, "GI_HOME": str(home), "GI_DATA": str(home / "data"), "OMP_NUM_THREADS": "1"}
    log = open(home / "server.log", "w")
    process = subprocess.Popen(start, cwd=ROOT, env=environment, stdout=log, stderr=log)
    found = Server(f"http://127.0.0.1:{port}", Store(home), process, start, environment)
    try:
        found.wait()
        yield found
    finally:
        found.process.terminate()
        found.process.wait(20)
        _end_workers(home)
        log.close()


def _end_workers(home: Path) -> None:
    """The workers of this store alone, by their process ids."""
    from gi_core.jobs.processes import Processes

    for worker in Processes(Store(home).database).all("worker"):
        if worker.alive and worker.pid != os.getpid():  # a test may write as a worker does
            os.kill(worker.pid, 15)


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """One browser for the module."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


class Watch:
    """What a page asked other hosts for, and what its scripts complained of."""

    def __init__(self, page, base: str) -> None:
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.on(
            "request", lambda r: self.foreign.append(r.url) if not r.url.startswith((base, "data:", "blob:")) else None
        )
        page.on("pageerror", lambda e: self.errors.append(str(e)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let fixtures know that their test failed."""
    report = (yield).get_result()
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed


def condition(page) -> str:
    """What a failure says of the page: whether it is connected, whether its script runs, what it shows, and what its processes
    do, where it does not answer at all.
    """
    parts = {
        "app": lambda: page.locator("[data-testid=stApp]").first.evaluate("e => ({...e.dataset})", timeout=ASKED),
        "dialogs": lambda: page.locator("[role=dialog]").all_inner_texts(),
        "errors": lambda: page.watch.errors,
        "address": lambda: page.evaluate("location.href"),
        "body": lambda: page.locator("body").inner_text(timeout=ASKED)[:3000],
    }
    told = [page.url]
    for name, ask in parts.items():
        try:
            told.append(f"{name}: {ask()}")
        except Exception as error:
            told.append(f"{name}: no answer ({error})")
            busy = subprocess.run(
                ["ps", "-eo", "pid,pcpu,rss,etimes,args", "--sort=-pcpu"], capture_output=True, text=True
            )
            told.append("\n".join(line[:160] for line in busy.stdout.splitlines()[:12]))
            break  # the next would wait as long
    return "\n".join(told)


@pytest.fixture
def tab(chromium, server, request):
    """open(path, **context) -> a fresh page of its own session, with a `watch`. Of a test that fails each page's condition is
    printed.
    """
    contexts = []

    def open_(path: str = "/", **options):
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.watch = Watch(page, server.url)
        page.goto(server.url + path)
        return page

    yield open_
    for context in contexts:
        if request.node.stash.get(FAILED, False):
            for page in context.pages:
                print(condition(page))
        context.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory) -> Path:
    """Where screenshots go: GI_SHOTS, else a temporary folder."""
    folder = Path(os.environ.get("GI_SHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def expect(locator, said: str | None = None):
    """Playwright's assertions of a locator, which wait as long as anything on a page may take. said: what failed, in a loop."""
    from playwright.sync_api import expect as patient

    patient.set_options(timeout=PATIENCE * 1000)
    return patient(locator, said)


def axe(page) -> list[dict]:
    """WCAG A and AA violations that axe finds, but in Streamlit's own menu: on a narrow page its list holds headings beside its items,
    and no page can change that. Streamlit greys what a rerun is about to take away, which is nothing that a person reads.
    """
    from axe_playwright_python.sync_playwright import Axe

    page.wait_for_function("() => !document.querySelector('.stMain [data-stale=true]')")
    found = Axe().run(
        page,
        context={"exclude": [["[data-testid=stSidebarNavItems]"]]},
        options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    )
    return [
        {"id": v["id"], "nodes": [json.dumps(n["target"]) + " " + n["html"][:160] for n in v["nodes"]]}
        for v in found.response["violations"]
    ]
