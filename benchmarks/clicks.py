"""How soon a click on the page is answered, with nothing running and while an attack runs.

A real server, worker and Chromium: press another group of samples, wait until its pictures stand
there. Medians of `CLICKS` presses in each state.
"""

from __future__ import annotations

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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLICKS = 20
LONG = {
    "samples": ["bundled/astronaut"],
    "model": {"kind": "lenet", "init": "uniform"},
    "attack": {"kind": "inverting_gradients", "iterations": 100_000},
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
GROUPS = ("Medical", "Photographs")
NAMES = {"Medical": "Retina", "Photographs": "Astronaut"}


def clicks() -> Iterator[dict]:
    """One row idle, one while an attack runs (its page open)."""
    from playwright.sync_api import sync_playwright

    from gi_core.jobs.store import Store

    with tempfile.TemporaryDirectory() as home, sync_playwright() as driver:
        server, url = _serve(home)
        try:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(url)
            yield {"state": "idle", **_press(page)}
            store = Store(Path(home))
            job = store.submit("run", LONG)
            page.goto(f"{url}/?run={job}")
            while (found := store.job(job)) is None or found.progress.get("iteration", 0) < 50:
                time.sleep(0.3)
            yield {"state": "attack running", **_press(page)}
            store.control(job, "cancel")
            browser.close()
        finally:
            server.terminate()
            server.wait(20)


def _serve(home: str) -> tuple[subprocess.Popen, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "GI_HOME": home, "GI_DATA": home + "/data", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(url + "/_stcore/health", timeout=2)
            return server, url
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not start")


def presses(page, count: int = CLICKS) -> list[float]:
    """Seconds from each of `count` presses, on two groups of samples by turns, until its first picture's name stands."""
    times = []
    for k in range(count):
        group = GROUPS[k % 2]
        target = page.get_by_role("radio", name=group).or_(page.get_by_role("button", name=group)).first
        began = time.perf_counter()
        target.click()
        page.get_by_text(NAMES[group], exact=True).first.wait_for()
        times.append(time.perf_counter() - began)
        time.sleep(0.5)
    return times


def _press(page) -> dict:
    """Presses alternate between two groups of samples."""
    page.get_by_role("radio", name="Medical").or_(page.get_by_role("button", name="Medical")).first.wait_for()
    time.sleep(3)
    times = presses(page)
    return {"clicks": CLICKS, "median_ms": statistics.median(times) * 1e3, "slowest_ms": max(times) * 1e3}
