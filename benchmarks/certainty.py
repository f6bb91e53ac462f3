"""What the meter and the finished run expect of an answer, beside what is measured: 60 experiments drawn by a seed.

`python -m benchmarks.certainty` prints a line for each and the summary; `python -m benchmarks certainty` stores it. LeNets of one to six
channels and dense networks, sigmoid or tanh, fresh or trained for an epoch, faces and bundled pictures of 8 to 16 pixels, one picture,
Levenberg-Marquardt. Half of the channels drawn are so few that the equations are short of the picture.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from gi_core.experiments.execute import execute
from gi_core.experiments.setup import Questions
from gi_core.jobs.sink import Free
from gi_core.settings import SpecError, build

COUNT, SEED = 60, 17
PICTURES = [f"bundled/faces:{k}" for k in range(20)] + [
    "bundled/astronaut",
    "bundled/chelsea",
    "bundled/coffee",
    "bundled/rocket",
]


class _Kept:
    """A run's folder, and nobody who watches."""

    run_id = "certainty"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, *_: Any) -> None: ...

    thin_points = forget_points = snapshot = originals = log = notice = record


def drawn() -> list[dict[str, Any]]:
    """The experiments, always the same."""
    draw, found = random.Random(SEED), []
    for number in range(COUNT):
        model: dict[str, Any] = {
            "kind": "lenet", "classes": 11, "width": draw.choice([1, 2] if number % 2 else [4, 6]), "activation": draw.choice(["tanh", "sigmoid"]),
            "seed": draw.randrange(1000),
        }  # fmt: skip
        weights = {"kind": "trained", "epochs": 1, "data": "bundled"} if number % 4 == 3 else {"kind": "fresh"}
        found.append({
            "samples": [draw.choice(PICTURES)], "size": draw.choice([8, 10, 12, 16]), "channels": 1, "model": model,
            "weights": weights, "attack": {"kind": "levenberg_marquardt"}, "seed": draw.randrange(1000),
        })  # fmt: skip
    return found


def certainty() -> Iterator[dict[str, Any]]:
    """A row for each experiment, and the summary."""
    rows = []
    for number, asked in enumerate(drawn()):
        row = {"number": number, **_one(asked)}
        rows.append(row)
        yield row
    yield summary(rows)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of those whose update was matched: how many expectations are within a factor of two of what was measured."""
    matched = [r for r in rows if r["unique"] is not None]
    near = {
        who: sum(r[who] is not None and 0.5 <= r[who] / r["measured"] <= 2 for r in matched) for who in ("meter", "expected")
    }  # fmt: skip
    claimed = [r for r in matched if r["unique"]]
    return {
        "experiments": len(rows), "matched": len(matched), "unique": len(claimed),
        "meter_within_two": near["meter"], "expected_within_two": near["expected"],
        "unique_and_wrong": sum(r["psnr"] < 30 for r in claimed), "twins": sum(r["twin"] is not None for r in matched),
        "median_ratio": statistics.median(r["expected"] / r["measured"] for r in matched) if matched else None,
    }  # fmt: skip


def _one(asked: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = execute(build(asked), sink=_Kept(Path(folder)), control=Free(), questions=Questions(most=1))
        except SpecError as refusal:
            return {
                "refused": str(refusal),
                "unique": None,
                "meter": None,
                "expected": None,
                "measured": None,
                "psnr": None,
                "twin": None,
            }
    assert "metrics" in found, found
    said, risk = found["attacker"]["certainty"], found["risk"]
    return {
        "width": asked["model"]["width"], "size": asked["size"], "weights": asked["weights"]["kind"], "unique": said["unique"],
        "free": said["free_directions"], "directions": said["directions"], "meter": risk["error"],
        "expected": said["error_to_expect"], "measured": found["metrics"]["rmse_unclamped"], "psnr": found["metrics"]["psnr"],
        "twin": said.get("twin", {}).get("apart"), "level": risk["level"],
    }  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    for one in certainty():
        print(one, flush=True)
