"""Residual recursion on a ResNet-18 with ImageNet stem: float32 gradients of the bundled pictures, weights fresh and
trained here.

`python -m benchmarks.residual SIZE COUNT [fresh|trained] [eval|train]` prints one size; train: batch norm in train mode, its
statistics shared.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Iterator

PICTURES = ("astronaut", "coffee", "chelsea", "rocket", "retina", "ihc", "cell", "page", "patient", "phantom", "text")
SIZES = ((32, 11), (64, 11), (96, 3), (128, 3))
EPOCHS, RATE = 10, 1e-3


def residual() -> Iterator[dict]:
    """One row for each size and kind of weights."""
    for size, count in SIZES:
        for weights in ("fresh", "trained"):
            yield _row(size, count, weights)


def _row(size: int, count: int, weights: str, mode: str = "eval") -> dict:
    found = [_one(f"bundled/{name}", size, weights, mode) for name in PICTURES[:count]]
    psnr = [f["psnr"] for f in found]
    return {
        "network": f"ResNet-18, {weights}, {size} px" + ", train mode" * (mode == "train"), "pictures": len(found), "psnr": statistics.median(psnr),
        "worst": min(psnr), "best": max(psnr), "above_50_db": sum(p > 50 for p in psnr),
        "blocks": statistics.median(f["blocks"] for f in found), "seconds": statistics.median(f["seconds"] for f in found),
    }  # fmt: skip


def _one(sample: str, size: int, weights: str, mode: str) -> dict:
    """PSNR before clamping, blocks passed, CPU seconds of the attack on one thread."""
    import torch

    from gi_core import attacks, clients, data
    from gi_core.experiments import preparing
    from gi_core.settings import build
    from gi_core.settings.plan import Plan

    torch.set_num_threads(1)
    trained = {"kind": "trained", "epochs": EPOCHS, "learning_rate": RATE, "data": "bundled"}
    asked = build({
        "samples": [sample], "size": size, "channels": 3, "model": {"kind": "resnet18"}, "attack": {"kind": "residual"},
        "client": {"kind": "fedsgd", "batch_norm": mode, "statistics": "shared" if mode == "train" else "withheld"},
        "weights": trained if weights == "trained" else {"kind": "fresh"},
    })  # fmt: skip
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    done = clients.play(asked, model, pictures, "cpu")
    began, blocks = time.process_time(), 0
    try:
        attack = attacks.make(asked.attack, done.update, done.knowledge, plan=Plan(), device="cpu")
        state, step = attack.init(0), None
    except attacks.Refused as refusal:
        print(sample, size, weights, refusal, flush=True)
        return {"psnr": 0.0, "blocks": 0, "seconds": time.process_time() - began}
    while step is None or not step.done:
        state, step = attack.step(state)
        blocks += step.layer is not None and "stopped" not in step.layer.note
    error = float(((attack.answer(state)[0][0] - torch.from_numpy(pictures.images[0])) ** 2).mean())
    row = {"psnr": -10 * math.log10(max(error, 1e-40)), "blocks": blocks, "seconds": time.process_time() - began}
    rounded = {k: round(v, 1) for k, v in row.items()}
    print(sample, size, weights, rounded, f"misfit {state['misfit']:.1e}", step.note, flush=True)
    return row


if __name__ == "__main__":
    print(_row(int(sys.argv[1]), int(sys.argv[2]), *(sys.argv[3:5] or ["fresh"])))
