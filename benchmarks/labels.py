"""How many of a batch's labels each strategy reads from the update alone: |read and true multisets| / N, mean over batches.

Untrained networks are drawn anew for each batch. Trained ones are the product's own training on 5000 MNIST digits.
Batches: 8 pictures of 8 classes; 8, 32 and 48 of few classes (skewed: 2 to 7, or to 10), so that labels repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from statistics import mean

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.problems import SHARED
from gi_core import data
from gi_core.attacks.labels.report import label_report
from gi_core.clients import fedavg
from gi_core.clients.fedsgd import gradient
from gi_core.data.normalisation import resolve
from gi_core.experiments import preparing
from gi_core.networks import build as network
from gi_core.networks import set_batch_norm
from gi_core.settings import build, parse_component
from gi_core.settings.client import FedAvg
from gi_core.types.updates import Knowledge

BATCHES = 20
SIZES = ((8, True), (8, False), (32, False), (48, False))
UNTRAINED = (
    ("lenet", "mnist", "eval"), ("lenet:init=uniform", "mnist", "eval"), ("lenet:init=uniform", "cifar10", "eval"),
    ("convnet:width=16", "cifar10", "eval"), ("convnet:width=16", "cifar10", "train"), ("resnet20", "cifar10", "eval"),
    ("mlp", "mnist", "eval"),
)  # fmt: skip
TRAINED = (
    ({"kind": "lenet"}, 1), ({"kind": "lenet"}, 10), ({"kind": "lenet", "activation": "relu"}, 10),
    ({"kind": "convnet", "width": 16}, 1),
)  # fmt: skip
LOCAL = FedAvg(epochs=2, batch_size=4, learning_rate=1e-2)


@cache
def pictures(dataset: str) -> tuple[Tensor, Tensor]:
    """All test pictures (M, C, H, W) in [0, 1] and their labels (M,)."""
    images, labels = [], []
    for label, folder in enumerate(sorted((SHARED / f"{dataset}_test").iterdir())):
        for file in sorted(folder.glob("*.png")):
            pixels = np.asarray(Image.open(file, formats=("PNG",)), np.float32) / 255
            images.append(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
            labels.append(label)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels)


def batch(dataset: str, count: int, distinct: bool, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures (N, C, H, W) in [0, 1] and labels (N,): one of each of N classes, or of a random few classes."""
    images, labels = pictures(dataset)
    draw = torch.Generator().manual_seed(seed)
    order, shuffled = torch.randperm(10, generator=draw), torch.randperm(len(labels), generator=draw)
    if distinct:
        rows = torch.stack([shuffled[labels[shuffled] == c][0] for c in order[:count]])
    else:
        classes = int(torch.randint(2, min(count, 11), (1,), generator=draw))
        while (rows := shuffled[torch.isin(labels[shuffled], order[:classes])]).numel() < count:
            classes += 1
        rows = rows[:count]
    return images[rows], labels[rows]


def accuracies(
    model: nn.Module, dataset: str, mode: str, x: Tensor, y: Tensor, local: FedAvg | None
) -> dict[str, float]:
    """Strategy -> accuracy on one batch, as one gradient or as the change of a local round."""
    average, spread = resolve(dataset, dataset, x.shape[1])
    x = (x - torch.tensor(average).view(1, -1, 1, 1)) / torch.tensor(spread).view(1, -1, 1, 1)
    if local is None:
        update, schedule = gradient(set_batch_norm(model, mode).requires_grad_(True), x, y), None
    else:
        update, _ = fedavg.weight_change(model, x, y, local, "cross_entropy", torch.Generator().manual_seed(0))
        schedule = fedavg.schedule_of(local, len(y))
    knowledge = Knowledge(model, tuple(x.shape[1:]), 10, average, spread, batch_norm=mode, schedule=schedule)
    true = torch.bincount(y, minlength=10)
    found = {k: v for k, v in label_report(update, knowledge).items() if not isinstance(v, str)}
    return {k: float(torch.minimum(torch.bincount(v, minlength=10), true).sum() / len(y)) for k, v in found.items()}


def trained(model: dict, epochs: int) -> tuple[nn.Module, float]:
    """(network, test accuracy), trained as the lab trains."""
    weights = {"kind": "trained", "epochs": epochs, "data": f"npz:{SHARED / 'mnist_train_5000.npz'}"}
    asked = build({
        "samples": [f"folder:{SHARED / 'mnist_test'}:0"], "normalise": "mnist", "size": 28, "model": model,
        "weights": weights,
    })  # fmt: skip
    ready, info = preparing.prepare(asked, data.load(asked))
    return ready, info["accuracy"]


def labels(batches: int = BATCHES) -> Iterator[dict]:
    """A row for each network, round and size of batch."""
    for name, dataset, mode in UNTRAINED:
        for local in (None, LOCAL) if name in ("lenet", "convnet:width=16") and mode == "eval" else (None,):
            yield from _rows(name, dataset, mode, local, batches, None)
    for settings, epochs in TRAINED:
        model, accuracy = trained(settings, epochs)
        for local in (None, LOCAL) if epochs == 10 else (None,):
            about = f"{settings['kind']}{'/relu' if 'activation' in settings else ''}, {epochs} epochs"
            for row in _rows(about, "mnist", "eval", local, batches, model):
                yield row | {"test_accuracy": accuracy}


def _rows(name: str, dataset: str, mode: str, local: FedAvg | None, batches: int, fixed: nn.Module | None):
    shape = tuple(pictures(dataset)[0].shape[1:])
    for count, distinct in SIZES:
        scores: dict[str, list[float]] = {}
        for seed in range(batches):
            seeded = f"{name}{',' if ':' in name else ':'}seed={seed}"
            model = fixed if fixed is not None else network(parse_component("model", seeded), shape, 10).eval()
            x, y = batch(dataset, count, distinct, seed)
            for strategy, value in accuracies(model, dataset, mode, x, y, local).items():
                scores.setdefault(strategy, []).append(value)
        kind = "gradient" if local is None else f"{local.epochs} epochs of {local.batch_size}"
        yield {
            "network": name, "data": dataset, "batch_norm": mode, "round": kind, "pictures": count,
            "labels": "distinct" if distinct else "repeated", **{k: mean(v) for k, v in scores.items()},
        }  # fmt: skip
