"""The networks and pictures that the benchmarks share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.federated.types import Knowledge, Update
from gi_core.models import build
from gi_core.spec import parse_component

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def picture(dataset: str, index: int) -> tuple[Tensor, int]:
    """A real test picture (1, C, H, W) and its label from ../shared/data; a smooth made-up one without it."""
    from PIL import Image

    found = sorted((SHARED / f"{dataset}_test").glob(f"*/{index:04d}.png"))
    if not found:
        draws = torch.Generator().manual_seed(index)
        shape = (1, 1, 28, 28) if dataset == "mnist" else (1, 3, 32, 32)
        return nn.functional.avg_pool2d(
            torch.rand(shape, generator=draws), 5, 1, 2, count_include_pad=False
        ), index % 10
    classes = sorted(p.name for p in found[0].parent.parent.iterdir())
    pixels = np.asarray(Image.open(found[0], formats=("PNG",)), np.float32) / 255
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return torch.from_numpy(pixels.copy())[None], classes.index(found[0].parent.name)


def victim(model: str, x: Tensor, label: int) -> tuple[Update, Knowledge]:
    """One client's gradient on one picture, and what the server knows."""
    network = build(parse_component("model", model), tuple(x.shape[1:]), 10)
    names, parameters = zip(*network.named_parameters(), strict=True)
    loss = nn.functional.cross_entropy(network(x), torch.tensor([label]))
    gradients = torch.autograd.grad(loss, parameters)
    update = Update(dict(zip(names, [g.detach() for g in gradients], strict=True)), 1)
    channels = x.shape[1]
    return update, Knowledge(
        network, tuple(x.shape[1:]), 10, (0.0,) * channels, (1.0,) * channels, torch.tensor([label])
    )
