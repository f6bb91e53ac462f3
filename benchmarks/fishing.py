"""Fishing: one picture of a batch of sixteen, whose class no other has, through a head that the server changed.

`python -m benchmarks.fishing residual [fresh|trained] [COUNT]` a ResNet-18 with ImageNet stem at 32 pixels, batch norm in eval mode.
`python -m benchmarks.fishing transformer` ViT-B/32 at 224 pixels. `... lenet` a LeNet at 32 pixels by Levenberg-Marquardt.
`... guards` what stops it; what a server gains by hiding is `python -m benchmarks.stealth`.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Iterator

import torch

import gi_core as gi
from benchmarks import residual
from gi_core import attacks
from gi_core.common.progress import silent
from gi_core.experiments.setup import ask
from gi_core.settings import build, problems
from gi_core.settings.plan import Plan

BATCH, FISHED = 16, 7


def fishing() -> Iterator[dict]:
    """One row for each network."""
    for weights in ("trained", "fresh"):
        yield row("residual", weights, 10)
    yield row("transformer", "fresh", 1)
    yield row("lenet", "fresh", 3)


def _asked(place: int, network: str, weights: str) -> dict:
    """The picture at `place` has a class of its own, the fifteen after it have others."""
    every = residual.samples()
    samples = [every[(place + k) % len(every)] for k in range(BATCH)]
    labels = [FISHED, *((k * 5 + place) % FISHED for k in range(BATCH - 1))]
    common = {"samples": samples, "labels": labels, "channels": 3, "server": {"kind": "fishing", "of_class": FISHED}}
    if network == "residual":
        model = {"kind": "resnet18", "classes": len(residual.BUNDLED)}
        own = {"size": 32, "attack": {"kind": "residual"}, "weights": residual.weights_of(weights)}
    elif network == "transformer":
        model = {"kind": "vit", "patch": 32, "depth": 12, "heads": 12, "hidden": 768, "classes": 10}
        own = {"size": 224, "attack": {"kind": "transformer"}}
    else:
        model = {"kind": "lenet", "classes": 10, "init": "uniform"}
        own = {"size": 32, "attack": {"kind": "levenberg_marquardt"}}
    return {**common, **own, "model": model}


def _one(place: int, network: str, weights: str) -> dict:
    question = ask(build(_asked(place, network, weights)), torch.device("cpu"), silent)
    began = time.process_time()
    attack = attacks.make(
        question.experiment.attack, question.round.update, question.round.knowledge, plan=Plan(), device="cpu"
    )
    state, step = attack.init(0), None
    while step is None or not step.done:
        state, step = attack.step(state)
    truth = torch.from_numpy(question.pictures.images).double()
    error = float(((attack.answer(state)[0] - truth) ** 2).mean())
    found = {"psnr": -10 * math.log10(max(error, 1e-40)), "seconds": time.process_time() - began}
    print(question.experiment.samples[0], network, weights, found, step.note, flush=True)
    return found


SMALL = {"kind": "convnet", "width": 8, "depth": 3, "classes": 10}
TWICE = {"kind": "fedavg", "epochs": 2}
GUARDS: dict[str, dict] = {
    "none": {},
    "secure aggregation of 4 clients": {"client": {"kind": "fedavg", "epochs": 1, "clients": 4}},
    "clipping of the whole update": {"defenses": [{"kind": "clipping"}]},
    "DP-SGD": {"defenses": [{"kind": "dp_sgd"}]},
    "DP-SGD, secure aggregation of 4 clients": {
        "client": {"kind": "fedavg", "epochs": 1, "clients": 4}, "defenses": [{"kind": "dp_sgd"}]
    },
    "two local steps": {"client": TWICE},
    "two local steps, DP-SGD": {"client": TWICE, "defenses": [{"kind": "dp_sgd"}]},
    "batch norm in eval mode": {"model": SMALL},
    "batch norm in eval mode, DP-SGD": {"model": SMALL, "defenses": [{"kind": "dp_sgd"}]},
    "batch norm in train mode": {"model": SMALL, "client": {"batch_norm": "train"}},
    "batch norm in train mode, statistics shared": {"model": SMALL, "client": {"batch_norm": "train", "statistics": "shared"}},
    "batch norm in train mode, DP-SGD": {
        "model": SMALL, "client": {"batch_norm": "train"}, "defenses": [{"kind": "dp_sgd"}]
    },
}  # fmt: skip


STRONGEST = ({"kind": "rgap"}, {"kind": "inverting_gradients", "iterations": 100, "labels": "auto"})
"""A closed form for what is exact, and a search for what is not."""


def guards(count: int = 10) -> Iterator[dict]:
    """What comes back of the fished one of sixteen pictures behind each, by the better of two attacks."""
    for name, changes in GUARDS.items():
        try:
            psnr = [_behind({**_asked(place, "lenet", "fresh"), **changes}) for place in range(count)]
        except gi.SpecError as refusal:
            yield {"guard": name, "refused": str(refusal)}
            continue
        yield {
            "guard": name, "pictures": count, "psnr": statistics.median(psnr), "worst": min(psnr), "best": max(psnr),
            "above_50_db": sum(p > 50 for p in psnr), "above_20_db": sum(p > 20 for p in psnr),
        }  # fmt: skip


def _behind(values: dict) -> float:
    """PSNR of the fished picture, by the better of the attacks that apply."""
    found = []
    for attack in STRONGEST:
        asked = build({**values, "attack": attack})
        if any(p.fatal and p.field == "attack" for p in problems(asked)):
            continue
        question = ask(asked, torch.device("cpu"), silent)
        done, settings = question.round, question.experiment.attack
        try:
            made = attacks.make(settings, done.update, done.knowledge, plan=Plan(), device="cpu")
            state, step = made.init(0), None
            while step is None or not step.done:
                state, step = made.step(state)
        except attacks.Refused:
            continue
        its = [int(label) for label in question.pictures.labels].index(FISHED)
        truth = torch.from_numpy(question.pictures.images[its]).double()
        errors = ((made.answer(state)[0].double().clamp(0, 1) - truth) ** 2).flatten(1).mean(1)
        found.append(-10 * math.log10(max(float(errors.min()), 1e-15)))
    return max(found)


def row(network: str, weights: str, count: int) -> dict:
    found = [_one(place, network, weights) for place in range(count)]
    psnr = [f["psnr"] for f in found]
    return {
        "network": f"{network}, {weights}", "batch": BATCH, "pictures": count, "psnr": statistics.median(psnr), "worst": min(psnr),
        "best": max(psnr), "above_50_db": sum(p > 50 for p in psnr), "seconds": statistics.median(f["seconds"] for f in found),
    }  # fmt: skip


def _main(network: str = "residual", weights: str = "trained", count: str = "10") -> None:
    torch.set_num_threads(1)
    if network == "guards":
        for found in guards():
            print(found, flush=True)
        return
    print(row(network, weights, int(count)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
