"""What a person waits for on the lab's page: the title, a page that can be used, a click; on a free and a busy machine.

    python -m benchmarks.paint [OTHER_CHECKOUT] [--rounds N]

A real server, its worker and Chromium, with 0, 2 and 8 busy loops beside them. `cold` is the first visitor after the
server has started, `warm` a second one. Another checkout is measured in the same run, interleaved. Seconds are the
clock's, since they are what a person waits for; `server CPU` is what the server's own process spent on it, which does not
depend on who else is at work.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clicks import ARGUMENTS, ROOT, presses

LOOPS, CLICKS = (0, 2, 8), 6
FIGURES = ("cold title", "cold ready", "cold CPU", "warm title", "warm ready", "warm CPU", "click", "click CPU")


def visits(root: Path, loops: int) -> dict[str, float]:
    """Seconds of each of `FIGURES` for the checkout at root with so many busy loops."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as home, served(root, home) as (server, url), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        try:
            with busy(loops):
                cold = _visit(browser, server, url)
                time.sleep(8)  # the worker has made its first preview
                warm = _visit(browser, server, url, clicks=True)
        finally:
            browser.close()
            _end_workers(home)
    return {f"cold {k}": v for k, v in cold.items()} | {
        k if k.startswith("click") else f"warm {k}": v for k, v in warm.items()
    }


def _visit(browser, server: subprocess.Popen, url: str, clicks: bool = False) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    spent, began = _cpu(server.pid), time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator("h1.gi-title").wait_for()
    found = {"title": time.perf_counter() - began}
    page.get_by_role("button", name="Run attack").wait_for()
    page.locator(".st-key-viewer_example .reconstruction .big").wait_for()
    found["ready"] = time.perf_counter() - began
    found["CPU"] = _cpu(server.pid) - spent
    if clicks:
        time.sleep(3)
        spent = _cpu(server.pid)
        times = presses(page, CLICKS)
        found["click"], found["click CPU"] = statistics.median(times), (_cpu(server.pid) - spent) / CLICKS
    context.close()
    return found


def _cpu(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many processes that do nothing but count."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


@contextmanager
def served(root: Path, home: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The dashboard of a checkout on a free port, on a store of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "GI_HOME": home, "GI_DATA": home + "/data", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(url + "/_stcore/health", timeout=2)
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise RuntimeError("the server did not start")
        yield server, url
    finally:
        server.terminate()
        server.wait(20)


def _end_workers(home: str) -> None:
    """The workers of this store alone, by their process ids."""
    from gi_core.jobs.processes import Processes
    from gi_core.jobs.store import Store

    for worker in Processes(Store(Path(home)).database).all("worker"):
        if worker.alive:
            os.kill(worker.pid, 15)


def main() -> None:
    """A table in Markdown: medians over the rounds, one line per checkout and load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", nargs="?", type=Path, help="another checkout, measured in the same run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loops", type=int, nargs="+", default=LOOPS)
    asked = parser.parse_args()
    roots = {"before": asked.other} if asked.other else {}
    roots["now"] = ROOT
    print("| loops | code | " + " | ".join(FIGURES) + " |\n|" + "---|" * (2 + len(FIGURES)))
    for loops in asked.loops:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in roots}
        for _ in range(asked.rounds):
            for name, root in roots.items():
                found[name].append(visits(root, loops))
        for name, rows in found.items():
            middle = [statistics.median(row[figure] for row in rows) for figure in FIGURES]
            print(f"| {loops} | {name} | " + " | ".join(f"{v:.2f}" for v in middle) + " |", flush=True)


if __name__ == "__main__":
    main()
