"""A layer of bins in front of a ResNet-18: what share of a batch falls alone into a bin, and how exact those pictures are.

`python -m benchmarks.imprint [BATCHES [FIRST]]`: 64 pictures of 64x64, crops of the bundled photographs that are no public ones, 128 bins, 20
batches. `... guards` the share that comes back behind defenses, of 16 crops of 32x32 through a LeNet.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from gi_core import attacks, clients, data
from gi_core.analysis.model_check import check
from gi_core.data import Pictures, bundled
from gi_core.data.images import fit, to_float
from gi_core.experiments import preparing
from gi_core.settings import Experiment, build
from gi_core.settings.plan import Plan

EXACT = 60.0
"""PSNR from which a picture counts as come back."""
SEED = 31
"""Of the private crops; the public ones have another."""
GUARDS: dict[str, dict] = {
    "none": {},
    "clipping of the whole update": {"defenses": [{"kind": "clipping"}]},
    "half precision": {"defenses": [{"kind": "half_precision"}]},
    "one local step, rate 0.1": {"client": {"kind": "fedavg", "epochs": 1, "learning_rate": 0.1}},
    "secure aggregation of 4 clients": {"client": {"kind": "fedavg", "epochs": 1, "clients": 4, "learning_rate": 0.1}},
    "Gaussian noise, 1e-5": {"defenses": [{"kind": "gaussian_noise", "std": 1e-5}]},
    "DP-SGD": {"defenses": [{"kind": "dp_sgd"}]},
    "first layer withheld": {"defenses": [{"kind": "withheld_layers", "which": "first", "count": 1}]},
}


def asked(network: dict, pictures: int, size: int, **values: object) -> Experiment:
    """An experiment about so many pictures, which stand for the crops."""
    return build({
        "samples": ["bundled/astronaut"] * pictures, "size": size, "channels": 3, "model": network, "server": {"kind": "imprint", "bins": 128},
        "attack": {"kind": "imprint"}, **values,
    })  # fmt: skip


def batch(experiment: Experiment, place: int) -> Pictures:
    """Crops of batch `place`, no two of them alike."""
    plain, count = data.load(experiment), experiment.pictures
    shape, channels = plain.images.shape[2:], plain.images.shape[1]
    found = [bundled.crop(count * place + k, SEED) for k in range(count)]
    images = to_float(np.stack([fit(pixels, (shape[0], shape[1]), channels) for pixels, _ in found]))
    return replace(plain, images=images, labels=np.array([label for _, label in found], dtype=np.int64))


def one(experiment: Experiment, model: torch.nn.Module, place: int) -> dict:
    pictures, began = batch(experiment, place), time.process_time()
    done = clients.play(experiment, model, pictures, "cpu")
    played = time.process_time() - began
    try:
        made = attacks.make(experiment.attack, done.update, done.knowledge, plan=Plan(), device="cpu")
    except attacks.Refused as refusal:
        return {"place": place, "alone": 0, "exact": 0, "note": str(refusal)}
    state, step = made.init(0), None
    while step is None or not step.done:
        state, step = made.step(state)
    images, labels = made.answer(state)
    truth, true = torch.from_numpy(pictures.images).double(), torch.from_numpy(pictures.labels)
    alone = state["alone"] or 0
    errors = ((images[:alone, None] - truth[None]) ** 2).flatten(2).mean(-1)
    psnr = [-10 * math.log10(max(float(e), 1e-15)) for e in errors.min(1).values]
    right = sum(int(true[k]) == int(label) for k, label in zip(errors.argmin(1), labels, strict=False))
    return {
        "place": place, "alone": alone, "exact": sum(p > EXACT for p in psnr), "worst": min(psnr, default=0.0),
        "median": statistics.median(psnr) if psnr else 0.0, "labels": right, "gradient_seconds": played,
        "attack_seconds": time.process_time() - began - played, "note": step.note,
        "noticed": check(done.knowledge.model)["sentence"],
    }  # fmt: skip


def imprint(batches: int = 20, first: int = 0) -> Iterator[dict]:
    experiment = asked({"kind": "resnet18", "classes": len(bundled.PICTURES)}, 64, 64)
    model, _ = preparing.prepare(experiment, batch(experiment, 0))
    for place in range(first, first + batches):
        yield one(experiment, model, place)


def guards() -> Iterator[dict]:
    for name, values in GUARDS.items():
        experiment = asked({"kind": "lenet", "classes": len(bundled.PICTURES), "init": "uniform"}, 16, 32, **values)
        model, _ = preparing.prepare(experiment, batch(experiment, 0))
        found = [one(experiment, model, place) for place in range(3)]
        yield {
            "guard": name,
            "exact": [f["exact"] for f in found],
            "alone": [f["alone"] for f in found],
            "note": found[0]["note"],
        }


if __name__ == "__main__":
    torch.set_num_threads(1)
    chosen = guards() if sys.argv[1:] == ["guards"] else imprint(*map(int, sys.argv[1:]))
    for row in chosen:
        print(row, flush=True)
