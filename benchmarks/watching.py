"""What watching a run costs: processor time of the dashboard's server and of the browser while a live view is open.

    python -m benchmarks.watching [OTHER_CHECKOUT] [--rounds N] [--seconds S]

A real server and Chromium, and a run whose curve grows as that of a small network does: 1,000 points are there, 40 more come
each second, with two loss terms, PSNR, SSIM and residuals. This process plays the worker, so nothing is attacked. Another
checkout is measured in the same run, interleaved. Shares are of one processor; `browser` is all of Chromium's processes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.clicks import ARGUMENTS, ROOT
from benchmarks.paint import served

HEIGHTS = (900, 1600)
THERE, EACH, PACE = 1000, 10, 0.25
"""Points at the start; points of a message; seconds between messages."""
FIGURES = ("server", "browser", "messages (kB/s)")


def watched(root: Path, seconds: float, height: int) -> dict[str, float]:
    """`FIGURES` for the checkout at root: per cent of one processor over so many seconds, and what the server sends.

    height: of the window in pixels; in one of 900 the charts are below what is seen.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as home, sync_playwright() as driver:
        worker = Worker(Path(home))
        with served(root, home) as (server, url):
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            try:
                page = browser.new_context(viewport={"width": 1440, "height": height}).new_page()
                sent = [0]
                page.on("websocket", lambda socket: socket.on("framereceived", lambda data: _count(sent, data)))
                page.goto(f"{url}/?run={worker.run}")
                page.locator(".st-key-chart_loss").locator("canvas, .main-svg").first.wait_for(timeout=120_000)
                worker.work(page, 12)  # by then the real worker has made its preview of the form
                began, spent, children, already = time.monotonic(), _cpu([server.pid]), _cpu(_family()), sent[0]
                worker.work(page, seconds)
                took = time.monotonic() - began
                found = (_cpu([server.pid]) - spent, _cpu(_family()) - children)
            finally:
                browser.close()
                worker.end()
    server_share, browser_share = (100 * one / took for one in found)
    return dict(zip(FIGURES, (server_share, browser_share, (sent[0] - already) / 1000 / took), strict=True))


class Worker:
    """Plays the part of a worker that attacks: a run in the store whose curve grows."""

    def __init__(self, home: Path) -> None:
        from gi_core.jobs.processes import Processes
        from gi_core.jobs.store import Store
        from gi_core.jobs.writer import Writer

        store = Store(home)
        self.run = store.submit("run", {"samples": ["bundled/astronaut"], "size": 32})
        self.writer = Writer(store, Processes(store.database).register("worker", "batch"))
        self.writer.take(self.run)
        self.writer.folder(self.run)
        self.at = 0
        self.add(THERE)

    def add(self, count: int) -> None:
        from gi_core.jobs.job import Point

        points = [
            Point(k, 0.01 * k, 0.1, {"total": 2 * 0.999**k, "gradient": 1.5 * 0.999**k}, [1.0], 0, 10 + 0.003 * k, min(1.0, 3e-4 * k))
            for k in range(self.at + 1, self.at + count + 1)
        ]  # fmt: skip
        self.at += count
        residual = {f"conv{k}.{part}": 0.9 ** (self.at / 100 + k) for k in range(4) for part in ("weight", "bias")}
        self.writer.record(
            self.run, {"stage": "attacking", "iteration": self.at, "iterations": 10**5, "residual": residual}, points
        )

    def work(self, page, seconds: float) -> None:
        """Add points for so long, while the browser goes on."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.add(EACH)
            page.wait_for_timeout(1000 * PACE)

    def end(self) -> None:
        self.writer.finish(self.run, "cancelled", None, "measured")


def _count(sent: list[int], data: bytes | str) -> None:
    sent[0] += len(data)


def _family() -> list[int]:
    """Chromium's processes: the descendants of this one that are called so."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                head, _, tail = (folder / "stat").read_text().rpartition(")")
            except OSError:
                continue
            parents[int(folder.name)] = int(tail.split()[1]), head.partition("(")[2]

    def mine(pid: int) -> bool:
        while pid in parents and pid != os.getpid():
            pid = parents[pid][0]
        return pid == os.getpid()

    return [pid for pid, (_, name) in parents.items() if "chrom" in name and mine(pid)]


def _cpu(pids: list[int]) -> float:
    """Seconds of processor time of these processes so far."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """A table in Markdown: medians over the rounds, one line per checkout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", nargs="?", type=Path, help="another checkout, measured in the same run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30)
    asked = parser.parse_args()
    roots = {"before": asked.other} if asked.other else {}
    roots["now"] = ROOT
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(asked.rounds):
        for height in HEIGHTS:
            for name, root in roots.items():
                found.setdefault((name, height), []).append(watched(root, asked.seconds, height))
    print("| code | window | " + " | ".join(FIGURES) + " |\n|" + "---|" * (2 + len(FIGURES)))
    for (name, height), rows in found.items():
        values = " | ".join(f"{statistics.median(row[f] for row in rows):.1f}" for f in FIGURES)
        print(f"| {name} | 1440 × {height} | {values} |", flush=True)


if __name__ == "__main__":
    main()
