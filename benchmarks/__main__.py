"""`python -m benchmarks [PART …] [--device cuda]`: prints rows, keeps them as JSON."""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import torch

from benchmarks.batches import batches
from benchmarks.calibration import calibration
from benchmarks.certainty import certainty
from benchmarks.clicks import clicks
from benchmarks.command import command
from benchmarks.fishing import fishing
from benchmarks.fl_inversion import fl_inversion
from benchmarks.influence import influence
from benchmarks.inspection import inspection
from benchmarks.labels import labels
from benchmarks.live import live
from benchmarks.recursion import recursion
from benchmarks.residual import residual
from benchmarks.rounds import rounds
from benchmarks.solution import solution
from benchmarks.speed import speed
from benchmarks.uniqueness import uniqueness_claims
from gi_core.common.threads import one_thread

RESULTS = Path(__file__).parent / "results"
PARTS = (
    "speed",
    "solution",
    "recursion",
    "residual",
    "fishing",
    "inspection",
    "batches",
    "influence",
    "certainty",
    "uniqueness",
    "calibration",
    "rounds",
    "labels",
    "fl_inversion",
    "live",
    "command",
    "clicks",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--images", type=int, default=5, help="pictures of each time-to-solution case")
    arguments = parser.parse_args()
    one_thread()
    parts = {
        "speed": lambda: speed(arguments.device),
        "solution": lambda: solution(arguments.images),
        "recursion": recursion,
        "residual": residual,
        "fishing": fishing,
        "inspection": inspection,
        "batches": batches,
        "influence": influence,
        "certainty": certainty,
        "uniqueness": uniqueness_claims,
        "calibration": lambda: calibration(2 * arguments.images),
        "rounds": rounds,
        "labels": labels,
        "fl_inversion": fl_inversion,
        "live": live,
        "command": command,
        "clicks": clicks,
    }
    for name in arguments.what or parts:
        rows = []
        print(f"\n{name}")
        for row in parts[name]():
            rows.append(row)
            print("  " + "  ".join(f"{k}={_short(v)}" for k, v in row.items()), flush=True)
        _keep(name, arguments.device, rows)


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, dict):
        return ",".join(f"{k}={_short(v)}" for k, v in value.items())
    return str(value)


def _keep(name: str, device: str, rows: list[dict]) -> None:
    RESULTS.mkdir(exist_ok=True)
    about = {"torch": torch.__version__, "machine": platform.machine(), "threads": torch.get_num_threads()}
    text = json.dumps({"when": time.strftime("%Y-%m-%d"), **about, "rows": rows}, indent=1)
    (RESULTS / f"{name}_{device}.json").write_text(text)


if __name__ == "__main__":
    main()
