"""Batches of a small vision transformer told apart: hidden size 192, 3 heads, 4 blocks, 16 patches of 16 pixels at 64 pixels,
gradients in float64 and float32, weights fresh and trained here, random crops of the bundled pictures.

`python -m benchmarks.batches COUNT SEEDS [fresh|trained] [float32|float64] [STEPS] [bundled|textured|four]` prints one row, and a line
for each seed; STEPS: of the search that finishes what was told apart; textured: crops of eight pictures without flat parts;
four: of those of them that are bundled;
`python -m benchmarks.batches photographs COUNT` tells photographs of 224 pixels apart that went through a ViT-B/32.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

SMALL = {"kind": "vit", "hidden": 192, "heads": 3, "depth": 4, "patch": 16}
BASE = {"kind": "vit", "hidden": 768, "heads": 12, "depth": 12, "patch": 32}
TRAINED = {"kind": "trained", "epochs": 10, "learning_rate": 1e-3, "data": "bundled"}
PICTURES = {
    "bundled": ("astronaut", "coffee", "chelsea", "rocket", "retina", "ihc"),
    "textured": (
        "astronaut",
        "coffee",
        "chelsea",
        "ihc",
        "motorcycle_left.png",
        "brick.png",
        "grass.png",
        "gravel.png",
    ),
    "four": ("astronaut", "coffee", "chelsea", "ihc"),
}
"""Bundled ones, and files of scikit-image's wheel, whose labels are drawn. The rocket's sky and the retina's corners are flat."""
SEEDS = {2: 20, 3: 20, 4: 20, 5: 5, 6: 3}
SIDE, WHOLE, CLASSES = 64, 256, 11
NORMALISE = {SIDE: "0.5/0.25", 224: "0.5/0.5"}
SUCCESS = 40.0
"""dB of the worst picture of a batch that was told apart."""


def batches() -> Iterator[dict]:
    """One row for each number of pictures, kind of weights and precision."""
    for count, seeds in SEEDS.items():
        for weights in ("fresh", "trained"):
            for precision in ("float64", "float32"):
                yield row(count, seeds, weights, precision)


def row(count: int, seeds: int, weights: str, precision: str, steps: int = 0, kind: str = "bundled") -> dict:
    found = []
    for seed in range(seeds):
        found.append(one(count, seed, weights, precision, steps, kind))
        print(count, weights, precision, seed, found[-1], flush=True)
    worst = [f["worst"] for f in found]
    right = sum((f["worst"] > SUCCESS) == f["believed"] for f in found)
    return {
        "pictures": count, "weights": weights, "precision": precision, "steps": steps, "of": kind,
        "seeds": seeds,
        "told_apart": sum(w > SUCCESS for w in worst), "verdict_right": right, "least": min(worst),
        "median_worst": statistics.median(worst), "best": max(f["best"] for f in found),
        "seconds": statistics.median(f["seconds"] for f in found),
    }  # fmt: skip


def one(count: int, seed: int, weights: str, precision: str, steps: int, kind: str = "bundled") -> dict[str, Any]:
    """Worst and best PSNR before clamping, whether the attacker believes its answer, CPU seconds on one thread."""
    import torch

    model = {**SMALL, "seed": seed} if weights == "fresh" else SMALL
    drawn = crops(count, SIDE, seed, PICTURES[kind])
    attack, truth = opened(
        model,
        count,
        SIDE,
        {"kind": "fresh"} if weights == "fresh" else TRAINED,
        getattr(torch, precision),
        drawn,
        steps,
    )
    return solved(attack, truth)


def opened(
    model: dict, count: int, side: int, weights: dict, dtype: Any, drawn: tuple[Any, Any] | None, steps: int = 0
) -> tuple[Any, Any]:
    """The attack on one gradient in `dtype` and its pictures: whole bundled ones, or those `drawn` with their labels."""
    import copy
    from dataclasses import replace

    import torch

    from gi_core import attacks, clients, data
    from gi_core.experiments import preparing
    from gi_core.settings import build
    from gi_core.settings.plan import Plan
    from gi_core.types.updates import Update

    torch.set_num_threads(1)
    asked = build({
        "samples": [f"bundled/{name}" for name in PICTURES["bundled"][:count]], "size": side, "channels": 3, "model": model,
        "weights": weights, "normalise": NORMALISE[side], "attack": {"kind": "transformer", "search": steps},
    })  # fmt: skip
    pictures = data.load(asked)
    network, _ = preparing.prepare(asked, pictures)
    knowledge = clients.play(asked, network, pictures, "cpu").knowledge
    network = copy.deepcopy(knowledge.model).to(dtype).requires_grad_(True)
    images, labels = torch.from_numpy(pictures.images), torch.from_numpy(pictures.labels)
    if drawn is not None:
        images, labels = drawn
    mean, std = (torch.tensor(each, dtype=torch.float64).view(3, 1, 1) for each in (knowledge.mean, knowledge.std))
    loss = torch.nn.functional.cross_entropy(network(((images.double() - mean) / std).to(dtype)), labels)
    names, leaves = zip(*network.named_parameters(), strict=True)
    update = Update(dict(zip(names, torch.autograd.grad(loss, leaves), strict=True)), count)
    known = replace(knowledge, model=network)
    return attacks.make(asked.attack, update, known, plan=Plan(), device="cpu"), images.double()


def crops(count: int, side: int, seed: int, names: tuple[str, ...]) -> tuple[Any, Any]:
    """(N, 3, H, W) and labels (N,): squares of 96 to 256 pixels, of pictures that are drawn without repetition."""
    import torch

    from gi_core import data
    from gi_core.data.bundled import data_folder
    from gi_core.settings import build

    draws = torch.Generator().manual_seed(seed)
    images, labels = [], []
    for k in torch.randperm(len(names), generator=draws)[:count].tolist():
        own = "." not in names[k]
        sample = f"bundled/{names[k]}" if own else str(data_folder() / names[k])
        whole = data.load(build({"samples": [sample], "size": WHOLE, "channels": 3}))
        edge = int(torch.randint(96, WHOLE + 1, (), generator=draws))
        top, left = (int(torch.randint(0, WHOLE - edge + 1, (), generator=draws)) for _ in range(2))
        cut = torch.from_numpy(whole.images)[..., top : top + edge, left : left + edge].double()
        images.append(torch.nn.functional.interpolate(cut, side, mode="bilinear", antialias=True))
        labels.append(torch.from_numpy(whole.labels) if own else torch.randint(0, CLASSES, (1,), generator=draws))
    return torch.cat(images), torch.cat(labels)


def solved(attack: Any, truth: Any) -> dict[str, Any]:
    import torch
    from scipy.optimize import linear_sum_assignment

    from gi_core.attacks.recursion.transformer import verdict

    began = time.process_time()
    state, step = attack.init(0), None
    while step is None or not step.done:
        state, step = attack.step(state)
    answer = attack.answer(state)[0]
    errors = torch.stack([((answer - own) ** 2).flatten(1).mean(1) for own in truth])
    rows, columns = linear_sum_assignment(errors.log().numpy())
    psnr = [-10 * math.log10(max(float(e), 1e-40)) for e in errors[rows, columns]]
    facts = state["facts"]
    return {
        "worst": round(min(psnr), 1), "best": round(max(psnr), 1), "believed": verdict.believed(facts),
        "seconds": round(time.process_time() - began, 1), "note": step.note,
        "evidence": {k: f"{facts[k]:.1e}" for k in ("gap", "spread", "misfit", "replayed")},
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "photographs":
        import torch

        print(solved(*opened(BASE, int(sys.argv[2]), 224, {"kind": "fresh"}, torch.float32, None)))
    else:
        counts, named = sys.argv[1:3], [*sys.argv[3:], *("fresh", "float32", "0", "bundled")[len(sys.argv) - 3 :]]
        print(row(*map(int, counts), named[0], named[1], int(named[2]), named[3]))
