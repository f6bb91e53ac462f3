"""Fishing: one picture of a batch of sixteen, whose class no other has, through a head that the server changed.

`python -m benchmarks.fishing residual [fresh|trained] [COUNT]` a ResNet-18 with ImageNet stem at 32 pixels, batch norm in eval mode.
`python -m benchmarks.fishing transformer` ViT-B/32 at 224 pixels. `... lenet` a LeNet at 32 pixels by Levenberg-Marquardt.
`... stealth` small random rows in place of zeros: what comes back, and what a client sees. `... guards` what stops it.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import torch

import gi_core as gi
from benchmarks import residual
from gi_core import attacks, clients, data
from gi_core.analysis.model_check import check
from gi_core.attacks.adaptive.past_fishing import past_fishing
from gi_core.common.progress import silent
from gi_core.experiments import preparing
from gi_core.experiments.setup import ask
from gi_core.networks.fishing import fishing as fishing_head
from gi_core.networks.fishing import head
from gi_core.settings import build
from gi_core.settings.plan import Plan
from gi_core.types.updates import Fished

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
        own = {"size": 32, "attack": {"kind": "residual"}, "weights": residual._weights(weights)}
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


def stealth() -> Iterator[dict]:
    """Rows of the head as random ones of a share of the kept row's size, in place of zeros: what comes back, and what is noticed."""
    values = _asked(0, "lenet", "fresh")
    asked = build({**values, "server": {"kind": "honest"}})
    pictures = data.load(asked)
    plain, _ = preparing.prepare(asked, pictures)
    truth = torch.from_numpy(pictures.images[:1]).double()
    for share in (0.0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 0.5):
        model = fishing_head(plain, FISHED, 25.0)
        _blur(head(model)[1].weight, share)
        done = clients.play(asked, model, pictures, "cpu")
        known = replace(done.knowledge, fished=Fished(FISHED, 1))
        update, known, _ = past_fishing(done.update, known)
        attack = attacks.make(asked.attack, update, known, plan=Plan(), device="cpu")
        state, step = attack.init(0), None
        while step is None or not step.done:
            state, step = attack.step(state)
        error = float(((attack.answer(state)[0].clamp(0, 1) - truth) ** 2).mean())
        found = check(model)
        yield {
            "share": share, "psnr": -10 * math.log10(max(error, 1e-40)), "rows": found["noticed"][0]["score"],
            "scores": {one["check"]: one["score"] for one in found["noticed"]}, "sentence": found["sentence"],
        }  # fmt: skip


GUARDS: dict[str, dict] = {
    "none": {},
    "secure aggregation of 4 clients": {"client": {"kind": "fedavg", "epochs": 1, "clients": 4}},
    "clipping": {"defenses": [{"kind": "clipping"}]},
    "half precision": {"defenses": [{"kind": "half_precision"}]},
    "DP-SGD": {"defenses": [{"kind": "dp_sgd"}]},
}


def guards() -> Iterator[dict]:
    """What comes back of the astronaut and the cat out of sixteen pictures on a LeNet, behind each."""
    for name, changes in GUARDS.items():
        psnr = []
        for place in (0, 2):
            found = gi.run({**_asked(place, "lenet", "fresh"), **changes}, progress=False)
            truth = found.document["labels"]["true"].index(FISHED)
            psnr.append(found.document["per_image"][truth]["psnr"])
        yield {"guard": name, "psnr": psnr}


@torch.no_grad()
def _blur(weight: torch.Tensor, share: float) -> None:
    rest = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    rest *= share * weight[FISHED].norm() / rest.norm(dim=1, keepdim=True)
    rest[FISHED] = weight[FISHED]
    weight.copy_(rest)


def row(network: str, weights: str, count: int) -> dict:
    found = [_one(place, network, weights) for place in range(count)]
    psnr = [f["psnr"] for f in found]
    return {
        "network": f"{network}, {weights}", "batch": BATCH, "pictures": count, "psnr": statistics.median(psnr), "worst": min(psnr),
        "best": max(psnr), "above_50_db": sum(p > 50 for p in psnr), "seconds": statistics.median(f["seconds"] for f in found),
    }  # fmt: skip


def _main(network: str = "residual", weights: str = "trained", count: str = "10") -> None:
    torch.set_num_threads(1)
    if network in ("stealth", "guards"):
        for found in stealth() if network == "stealth" else guards():
            print(found, flush=True)
        return
    print(row(network, weights, int(count)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
