"""A real round, written as files, for the tests of reading them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from gi_core import networks
from gi_core.networks.trainable import client_model
from gi_core.settings import networks as M
from gi_core.settings.recorded_round import Recorded
from gi_core.update_files.writing import write_round

torch.set_num_threads(1)
SMALL = M.ConvNet(width=2, depth=2)
NETWORKS = {
    "small": (SMALL, (1, 12, 12), 3),
    "resnet18": (M.ResNet18(), (3, 32, 32), 2),
    "cifar stem": (M.ResNet18(stem="cifar"), (3, 32, 32), 2),
}
MONAI = {"conv1": "features.0", "bn1": "features.1"} | {f"layer{k}": f"features.{k + 3}" for k in (1, 2, 3, 4)}


def played(key: str = "small", steps: int = 1):
    """(network before, its state, change) of a real round in train mode; the last two as plain arrays."""
    settings, shape, classes = NETWORKS[key]
    before = networks.build(settings, shape, classes)
    after = client_model(before, "train")
    draw = torch.Generator().manual_seed(1)
    optimiser = torch.optim.SGD(after.parameters(), 0.01)
    for _ in range(steps):
        optimiser.zero_grad()
        x = torch.rand(4, *shape, generator=draw)
        nn.functional.cross_entropy(after(x), torch.tensor([0, 1, 1, 0])).backward()
        optimiser.step()
    old, new = before.state_dict(), after.state_dict()
    change = {k: np.float32((new[k].double() - old[k].double()).numpy()) for k in old}
    return before, {k: v.numpy() for k, v in old.items()}, change, new


def renamed(arrays: dict, scheme: str) -> dict:
    def name(key: str) -> str:
        first, _, rest = key.partition(".")
        return {
            "bare": key,
            "model": f"model.{key}",
            "module": f"module.model.{key}",
            "monai": f"{MONAI.get(first, first)}.{rest}",
        }[scheme]

    return {name(key): value for key, value in arrays.items()}


def written(folder: Path, before: dict, change: dict, **more) -> Recorded:
    files = write_round(folder, before, change, name="round10_client9", **more)
    return Recorded(**{k: str(v) for k, v in files.items()})
