"""Whole batches through a dense layer with ReLU: which come back exactly, by width, batch, precision, noise, training and local steps.

`python -m benchmarks.spear FOLDER [ROW …]` prints a line for each row; FOLDER holds `mnist_train_5000.npz`
(images, labels) and `cifar10_test`, a folder of PNG files for each class. Networks are MLPs of two hidden layers, pictures in [0, 1] at random, another network and batch for each seed. A picture is exact
where its largest error is 1e-6 at most. Networks are trained on four fifths of the pictures by SGD with momentum, and attacked on
the others.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gi_core import attacks, networks
from gi_core.attacks.base import stream
from gi_core.common.threads import one_thread
from gi_core.settings.batch_attacks import Spear
from gi_core.settings.networks import Mlp
from gi_core.settings.plan import Plan
from gi_core.types.schedule import Schedule
from gi_core.types.updates import Knowledge, Update

EXACT = 1e-6
CLASSES, HELD = 10, 0.2


@dataclass(frozen=True)
class Row:
    """What is asked. equal: pictures that are copies of the first. trained: steps before. noise: relative to the root mean square of the
    first layer's gradient. local: (epochs, learning rate, pictures of a batch) of a client.
    """

    name: str
    data: str = "mnist_train_5000.npz"
    units: int = 400
    images: int = 8
    dtype: torch.dtype = torch.float32
    seeds: int = 5
    equal: int = 0
    trained: int = 0
    noise: float = 0.0
    local: tuple[int, float, int] | None = None
    engine: str = "auto"
    proposals: int = 400_000
    batch: int | None = None


DOUBLE = torch.float64
ROWS = (
    Row("mnist-8", seeds=20), Row("mnist-16", images=16, dtype=DOUBLE, seeds=20), Row("mnist-16-single", images=16, seeds=10),
    Row("cifar-8", "cifar10_test", seeds=20), Row("cifar-16", "cifar10_test", images=16, dtype=DOUBLE),
    Row("cifar-50-units", "cifar10_test", units=50, dtype=DOUBLE), Row("cifar-100-units", "cifar10_test", units=100, dtype=DOUBLE),
    Row("equal", equal=1), Row("noise-1e-3", noise=1e-3), Row("noise-1e-2", noise=1e-2), Row("noise-5e-2", noise=5e-2),
    Row("noise-2e-1", noise=2e-1, seeds=2),
    *(Row(f"trained-{n}", trained=n) for n in (50, 300)), Row("trained-1500", trained=1500, proposals=60_000, seeds=3),
    *(Row(f"trained-{n}-double", trained=n, dtype=DOUBLE) for n in (50, 300)),
    Row("trained-1500-double", trained=1500, dtype=DOUBLE, proposals=60_000, seeds=3),
    Row("local-5", local=(5, 0.01, 8)), Row("local-20", local=(5, 0.01, 2)), Row("local-5-fast", local=(5, 0.1, 8)),
    Row("wide-24", units=1000, images=24, dtype=DOUBLE, seeds=2), Row("wide-32", units=1000, images=32, dtype=DOUBLE, seeds=1),
)  # fmt: skip


def pictures(folder: Path) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) in [0, 1], float64, and labels, in an order that does not depend on the file system."""
    if folder.suffix == ".npz":
        with np.load(folder) as kept:
            images, labels = kept["images"], kept["labels"]
        x = torch.from_numpy(images).reshape(len(images), -1, *images.shape[-2:]).double()
        return x / (255 if x.max() > 1 else 1), torch.from_numpy(labels).long()
    files = sorted(folder.glob("*/*.png"))
    names = sorted({file.parent.name for file in files})
    planes = [np.atleast_3d(np.asarray(Image.open(file, formats=("PNG",)))) for file in files]
    x = torch.from_numpy(np.stack(planes)).permute(0, 3, 1, 2).double() / 255
    return x, torch.tensor([names.index(file.parent.name) for file in files])


def trained(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> nn.Module:
    draw = torch.Generator().manual_seed(0)
    optimiser = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    for _ in range(steps):
        at = torch.randint(0, len(x), (64,), generator=draw)
        optimiser.zero_grad()
        cross_entropy(model(x[at].float()), y[at]).backward()
        optimiser.step()
    return model


def sent(row: Row, model: nn.Module, x: Tensor, y: Tensor, draw: torch.Generator) -> tuple[Update, Schedule | None]:
    """The update of the client, and how it stepped."""
    model = model.to(row.dtype)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    if row.local is None:
        found = torch.autograd.grad(cross_entropy(model(x.to(row.dtype)), y), list(model.parameters()))
        tensors = dict(zip(before, found, strict=True))
        deviation = row.noise * float(next(iter(found)).double().square().mean()) ** 0.5
        noisy = {
            n: t + deviation * torch.randn(t.shape, generator=draw, dtype=torch.float64).to(t)
            for n, t in tensors.items()
        }
        return Update(noisy if row.noise else tensors, len(x)), None
    epochs, rate, size = row.local
    optimiser = torch.optim.SGD(model.parameters(), rate)
    for _ in range(epochs):
        for part in torch.arange(len(x)).split(size):
            optimiser.zero_grad()
            cross_entropy(model(x[part].to(row.dtype)), y[part]).backward()
            optimiser.step()
    change = {name: p.detach() - before[name] for name, p in model.named_parameters()}
    model.load_state_dict(before)
    each = -(-len(x) // size)
    return Update(change, len(x), "weight_change"), Schedule(epochs * each, size, rate, epochs=epochs, epoch=each)


def one(row: Row, seed: int, x: Tensor, y: Tensor) -> dict[str, float]:
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(7))
    held, rest = order[: int(HELD * len(x))], order[int(HELD * len(x)) :]
    held = held if row.trained else order
    chosen = held[torch.randperm(len(held), generator=draw)[: row.images]]
    chosen[1 : 1 + row.equal] = chosen[0]
    model = networks.build(Mlp(hidden=row.units, seed=seed), tuple(x.shape[1:]), CLASSES)
    model = trained(model, x[rest], y[rest], row.trained)
    update, schedule = sent(row, model, x[chosen], y[chosen], draw)
    ones = (0.0,) * x.shape[1], (1.0,) * x.shape[1]
    knowledge = Knowledge(model, tuple(x.shape[1:]), CLASSES, *ones, schedule=schedule)
    settings = Spear(engine=row.engine, proposals=row.proposals, batch=row.batch)
    began = time.perf_counter()
    attack = attacks.make(settings, update, knowledge, plan=Plan(), device="cpu")
    state, step = list(stream(attack, attack.init(seed)))[-1]
    seconds = time.perf_counter() - began
    answer, labels = attack.answer(state)
    far = (x[chosen][:, None] - answer[None]).flatten(2)
    worst, square = far.abs().amax(2), far.square().mean(2)
    near = worst.argmin(1)
    error = worst.gather(1, near[:, None])[:, 0]
    psnr = -10 * square.gather(1, near[:, None])[:, 0].clamp_min(1e-30).log10()
    right = labels[near] == y[chosen]
    trusted = step.done and "not to be trusted" not in step.note and "directions were found" not in step.note
    return {
        "exact": int((error <= EXACT).sum()), "clear": int((error <= 1e-2).sum()), "error": float(error.max()),
        "psnr": float(psnr.min()), "labels": int(right.sum()), "trusted": trusted, "seconds": seconds, "read": attack.search.b,
    }  # fmt: skip


def spear(folder: Path, names: list[str]) -> Iterator[dict]:
    """One row at a time."""
    known: dict[str, tuple[Tensor, Tensor]] = {}
    for row in ROWS:
        if names and row.name not in names:
            continue
        x, y = known.setdefault(row.data, pictures(folder / row.data))
        found = [one(row, seed, x, y) for seed in range(row.seeds)]
        whole = sum(f["exact"] == row.images for f in found)
        yield {
            "row": row.name, "runs": row.seeds, "all_exact": whole, "exact": [f["exact"] for f in found], "within_1e-2": [f["clear"] for f in found],
            "rank": sorted({f["read"] for f in found}), "worst_error": max(f["error"] for f in found),
            "worst_psnr": round(min(f["psnr"] for f in found), 1), "labels_right": sum(f["labels"] for f in found),
            "trusted": sum(f["trusted"] for f in found), "seconds": round(statistics.median(f["seconds"] for f in found), 2),
            "longest": round(max(f["seconds"] for f in found), 1),
        }  # fmt: skip


if __name__ == "__main__":
    one_thread()
    for line in spear(Path(sys.argv[1]), sys.argv[2:]):
        print({k: f"{v:.1e}" if k == "worst_error" and math.isfinite(v) else v for k, v in line.items()}, flush=True)
