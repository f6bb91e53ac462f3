"""The networks and pictures that the benchmarks share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.networks import build
from gi_core.settings import parse_component
from gi_core.types.updates import Knowledge, Update

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


def batch_of(dataset: str, count: int) -> tuple[Tensor, Tensor]:
    """(count, C, H, W) and labels (count,): pictures 0, 1, ... over again where there are no more."""
    found = [picture(dataset, i % 10) for i in range(count)]
    return torch.cat([x for x, _ in found]), torch.tensor([label for _, label in found])


def at_size(x: Tensor, side: int) -> Tensor:
    """Enlarged to a square of that side."""
    return x if x.shape[-1] == side else nn.functional.interpolate(x, (side, side), mode="bilinear")


def victim(model: str, x: Tensor, label: Tensor | int) -> tuple[Update, Knowledge]:
    """One client's gradient on its pictures (N, C, H, W), and what the server knows."""
    labels = torch.as_tensor(label).reshape(-1)
    network = build(parse_component("model", model), tuple(x.shape[1:]), 10)
    names, parameters = zip(*network.named_parameters(), strict=True)
    loss = nn.functional.cross_entropy(network(x), labels)
    gradients = torch.autograd.grad(loss, parameters)
    update = Update(dict(zip(names, [g.detach() for g in gradients], strict=True)), len(x))
    channels = x.shape[1]
    return update, Knowledge(network, tuple(x.shape[1:]), 10, (0.0,) * channels, (1.0,) * channels, labels)
