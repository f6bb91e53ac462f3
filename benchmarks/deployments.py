"""Six described deployments, checked end to end by the command line: finding, exposure, seconds, and when progress first shows.

`python -m benchmarks.deployments [NAME …] [--out FILE]`; each with a fresh GI_HOME and two workers. Written down before the first measurement, the
order of exposure that is expected, the most exposed first:

1. `transformer`: with one picture behind an update, the gradient of the patch embedding holds every patch: all exact.
2. `fished`: a changed network makes one picture alone move it, or bins keep pictures apart: exact, though of some pictures only.
3. `statistics`: of one picture a residual network's blocks are solved one after another: exact, or stopped by a wrong mask. Of four
   (`statistics_4`, a seventh) nothing but matching is left.
4. `adapter`: rank 4 of each dense layer is a narrow view: traces.
5. `summed`: fifty pictures in one sum of a small network: more unknowns than equations, nothing.
6. `private`: noise as large as a picture's bounded gradient: nothing.

The last two are expected to be alike. Exposure is the share of updates seen, traces counted half, of the worst threat.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXPECTED = {
    "transformer": ["--network", "transformer", "--pictures", "1", "--server", "honest"],
    "fished": ["--network", "residual", "--pictures", "16", "--server", "dishonest"],
    "statistics": ["--network", "residual", "--shared", "statistics", "--pictures", "1", "--server", "honest"],
    "adapter": ["--network", "transformer", "--shared", "adapter", "--pictures", "1", "--server", "honest"],
    "summed": ["--network", "plain", "--together", "50", "--server", "honest"],
    "private": ["--network", "plain", "--protection", "dp8", "--server", "honest"],
    "statistics_4": ["--network", "residual", "--shared", "statistics", "--pictures", "4", "--server", "honest"],
}
"""In the expected order; what is not said is not known, and taken as it leaks most."""
RECORDED = Path(__file__).parent / "results" / "deployments.json"
_TICKS = os.sysconf("SC_CLK_TCK")


def row(name: str) -> dict:
    """One check. cpu: of the command and its workers. load: mean of the machine while it ran, its own two included."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "GI_HOME": home, "OMP_NUM_THREADS": "1"}
        line = [sys.executable, "-m", "gi_core", "check-deployment", *EXPECTED[name], "--workers", "2", "--json"]
        began = time.monotonic()
        screen, terminal = os.openpty()  # progress is shown to terminals alone
        process = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=terminal, text=True)
        spent: dict[int, float] = {}
        loads: list[float] = []
        first: list[float] = []
        ended = threading.Event()
        watching = [
            threading.Thread(target=_watch, args=(home, spent, loads, ended)),
            threading.Thread(target=_listen, args=(screen, began, first)),
        ]
        for thread in watching:
            thread.start()
        said = process.stdout.read() if process.stdout else ""
        code = process.wait()
        seconds = time.monotonic() - began
        os.close(terminal)
        ended.set()
        for thread in watching:
            thread.join()
        os.close(screen)
    found = json.loads(said.splitlines()[-1])
    return {
        "deployment": name, "code": code, "level": found["level"], "exposure": round(found["exposure"], 3), "finding": found["finding"],
        "advice": found["advice"], "wall_seconds": round(seconds), "cpu_seconds": round(sum(spent.values())),
        "first_word_seconds": round(first[0], 1) if first else None, "load": round(sum(loads) / max(1, len(loads)), 1), "cases": found["cases"],
    }  # fmt: skip


def _listen(screen: int, began: float, first: list[float]) -> None:
    """When the first word of progress comes; the rest is read away."""
    with suppress(OSError):  # nobody writes to it any more
        while os.read(screen, 4096):
            first[:] = first or [time.monotonic() - began]


def _watch(home: str, spent: dict[int, float], loads: list[float], ended: threading.Event) -> None:
    """CPU seconds of every process of this GI_HOME; workers outlive the command that started them."""
    mark = f"GI_HOME={home}".encode()
    while not ended.wait(1.0):
        loads.append(os.getloadavg()[0])
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if mark not in (place / "environ").read_bytes().split(b"\0"):
                    continue
                fields = (place / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            spent[int(place.name)] = (int(fields[11]) + int(fields[12])) / _TICKS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*EXPECTED, []], default=[])
    parser.add_argument("--out", type=Path, default=RECORDED)
    arguments = parser.parse_args()
    rows = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    for name in arguments.names or EXPECTED:
        found = row(name)
        print(json.dumps({k: v for k, v in found.items() if k != "cases"}), flush=True)
        rows = sorted(
            [*(one for one in rows if one["deployment"] != name), found],
            key=lambda one: list(EXPECTED).index(one["deployment"]),
        )
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
