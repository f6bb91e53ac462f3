"""A server that hides what it prepared: what comes back, and what its client notices, by the softness of what it sends.

`python -m benchmarks.stealth [BATCHES [SERVER]]` fishing through a LeNet, 128 bins in front of it, and traps in an MLP, 16 crops of 32 pixels each. Writes
`gi_core/analysis/stealth.json`, which the page and `figures` draw.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks import imprint
from gi_core import attacks, clients
from gi_core.analysis import stealth as kept
from gi_core.analysis.model_check import check
from gi_core.data import Pictures, bundled
from gi_core.experiments import preparing
from gi_core.experiments.fished import as_fished
from gi_core.metrics import intervals
from gi_core.settings import Experiment
from gi_core.settings.plan import Plan

PICTURES, SIDE, CLASS, BATCHES = 16, 32, 3, 8
SHARES = (0.0, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
BACK = 25.0
"""PSNR in dB from which a picture counts as come back."""
LENET = {"kind": "lenet", "classes": len(bundled.PICTURES), "init": "uniform"}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "fishing": (LENET, {"kind": "fishing", "of_class": CLASS}, "levenberg_marquardt"),
    "imprint": (LENET, {"kind": "imprint", "bins": 128}, "imprint"),
    "trap": ({"kind": "mlp", "hidden": 256, "classes": len(bundled.PICTURES)}, {"kind": "trap"}, "imprint"),
}
"""Server: network, what the server sends, attack."""


def stealth(batches: int = BATCHES, only: str = "") -> Iterator[dict[str, Any]]:
    """One row for each server, or the one named, and softness."""
    for kind, (network, server, attack) in CASES.items():
        if only not in ("", kind):
            continue
        for softness in SHARES:
            asked = imprint.asked(
                network, PICTURES, SIDE, server={**server, "softness": softness}, attack={"kind": attack}
            )
            found = [one(asked, kind, place) for place in range(batches)]
            back, of = [f[1] for f in found], 1 if kind == "fishing" else PICTURES
            low, high = intervals.wilson(sum(back), batches) if of == 1 else intervals.mean_interval(back)
            yield {
                "server": kind, "softness": softness, "psnr": statistics.median(f[0] for f in found),
                "back": statistics.mean(back), "low": max(0.0, low), "high": min(float(of), high), "of": of,
                "score": found[0][2]["score"], "check": found[0][2]["noticed"][0]["check"], "batches": batches,
            }  # fmt: skip


def one(asked: Experiment, kind: str, place: int) -> tuple[float, int, Any]:
    """(best PSNR of a private picture, how many came back, what the client notices)."""
    pictures = imprint.batch(asked, place)
    if kind == "fishing":
        pictures.labels[:] = [CLASS, *((k * 5 + place) % CLASS for k in range(PICTURES - 1))]
    model, _ = preparing.prepare(asked, pictures)
    done = clients.play(asked, model, pictures, "cpu")
    noticed = check(done.knowledge.model)
    judged, done = as_fished(pictures, done)
    try:
        made = attacks.make(asked.attack, done.update, done.knowledge, plan=Plan(), device="cpu")
    except attacks.Refused:
        return 0.0, 0, noticed
    state, step = made.init(0), None
    while step is None or not step.done:
        state, step = made.step(state)
    psnr = _likeness(made.answer(state)[0], judged)
    return max(psnr), sum(p > BACK for p in psnr), noticed


def _likeness(answer: torch.Tensor, pictures: Pictures) -> list[float]:
    """Of each private picture the PSNR of the answer nearest to it."""
    truth = torch.from_numpy(pictures.images).double()
    errors = ((answer.double().clamp(0, 1)[:, None] - truth[None]) ** 2).flatten(2).mean(-1).min(0).values
    return [-10 * math.log10(max(float(e), 1e-15)) for e in errors]


if __name__ == "__main__":
    torch.set_num_threads(1)
    given = dict(enumerate(sys.argv[1:]))
    count, named = int(given.get(0, BATCHES)), given.get(1, "")
    earlier = json.loads(kept.FILE.read_text(encoding="utf-8")) if named else []
    rows = [row for row in earlier if row["server"] != named]
    for row in stealth(count, named):
        print(row, flush=True)
        rows.append(row)
    rows.sort(key=lambda row: list(CASES).index(row["server"]))
    kept.FILE.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")
