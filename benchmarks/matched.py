"""Gradient matching on the pictures, the trained network and the gradients of `residual`: what the recursion is beside.

`python -m benchmarks.matched SIZE COUNT [eval|train] [ITERATIONS]` prints a line for each picture and one for all of them.
eval: Inverting Gradients with its default settings. train: the published preset of the attack on federated updates, batch norm in
train mode and its statistics shared, 40,000 iterations unless another number is given.
"""

from __future__ import annotations

import math
import statistics
import sys
import time

import torch

from benchmarks.residual import _asked, _weights, samples
from gi_core import attacks, clients, data
from gi_core.experiments import preparing
from gi_core.settings import build
from gi_core.settings.fl_attacks import FlGradientInversion
from gi_core.settings.plan import Plan

ATTACKS = {
    "eval": {"kind": "inverting_gradients", "iterations": 600},
    "train": {"kind": "fl_gradient_inversion", **FlGradientInversion.presets["published"]},
}


def matched(sample: str, size: int, mode: str, iterations: int | None) -> tuple[float, float]:
    """PSNR of the answer, and CPU seconds on one thread."""
    document = _asked(sample, size, _weights("trained"), mode).model_dump(mode="json")
    document["attack"] = {**ATTACKS[mode], **({"iterations": iterations} if iterations else {})}
    asked = build(document)
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    done = clients.play(asked, model, pictures, "cpu")
    began = time.process_time()
    attack = attacks.make(asked.attack, done.update, done.knowledge, plan=Plan(), device="cpu")
    state, step = attack.init(asked.seed), None
    while step is None or not step.done:
        state, step = attack.step(state)
    truth = torch.from_numpy(pictures.images[0]).double()
    error = float(((attack.answer(state)[0][0].double() - truth) ** 2).mean())
    return -10 * math.log10(max(error, 1e-40)), time.process_time() - began


def _main(size: str, count: str, mode: str = "eval", iterations: str = "") -> None:
    torch.set_num_threads(1)
    found = []
    for sample in samples()[: int(count)]:
        psnr, seconds = matched(sample, int(size), mode, int(iterations) if iterations else None)
        print(sample, size, mode, f"{psnr:.1f} dB, {seconds:.0f} s", flush=True)
        found.append(psnr)
    print({"pictures": len(found), "psnr": statistics.median(found), "worst": min(found), "best": max(found)})


if __name__ == "__main__":
    _main(*sys.argv[1:])
