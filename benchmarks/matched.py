"""Gradient matching on the pictures, the trained network and the gradients of `residual`: what the recursion is beside.

`python -m benchmarks.matched SIZE COUNT [eval|train] [ITERATIONS]` prints a line for each picture and one for all of them.
eval: Inverting Gradients with its default settings. train: the published preset of the attack on federated updates, batch norm in
train mode and its statistics shared, 40,000 iterations unless another number is given.
"""

from __future__ import annotations

import statistics
import sys

from benchmarks.answered import Answered, answered
from benchmarks.residual import asked, samples, weights_of
from gi_core.settings import build
from gi_core.settings.fl_attacks import FlGradientInversion

ATTACKS = {
    "eval": {"kind": "inverting_gradients", "iterations": 600},
    "train": {"kind": "fl_gradient_inversion", **FlGradientInversion.presets["published"]},
}


def matched(sample: str, size: int, mode: str, iterations: int | None) -> Answered:
    document = asked(sample, size, weights_of("trained"), mode).model_dump(mode="json")
    document["attack"] = {**ATTACKS[mode], **({"iterations": iterations} if iterations else {})}
    return answered(build(document))


def _main(size: str, count: str, mode: str = "eval", iterations: str = "") -> None:
    found = []
    for sample in samples()[: int(count)]:
        it = matched(sample, int(size), mode, int(iterations) if iterations else None)
        print(sample, size, mode, f"{it.psnr:.1f} dB, {it.seconds:.0f} s", flush=True)
        found.append(it.psnr)
    print({"pictures": len(found), "psnr": statistics.median(found), "worst": min(found), "best": max(found)})


if __name__ == "__main__":
    _main(*sys.argv[1:])
