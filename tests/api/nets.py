"""Small networks as people write them, and their gradients."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gi_core as gi

SHAPE = (3, 16, 16)
LM = "levenberg_marquardt:iterations=12"


class Normed(nn.Module):
    """A user's own network with batch norm and ReLU, layers defined in another order than they are used."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8 * 16, 5)
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(F.relu(self.conv2(x)).flatten(1))


def smooth(seed: int = 0, classes: int = 5) -> nn.Sequential:
    """Two convolutions and a dense layer, sigmoid between."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2, stride=2), nn.Sigmoid(), nn.Conv2d(8, 8, 5, padding=2), nn.Sigmoid(), nn.Flatten(),
        nn.Linear(8 * 64, classes),
    )  # fmt: skip


def picture(seed: int = 1, images: int = 1) -> Tensor:
    """(N, 3, 16, 16) in [0, 1], smooth."""
    coarse = torch.rand(images, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, size=SHAPE[1:], mode="bilinear").clamp(0, 1)


def gradients(model: nn.Module, x: Tensor, label: int | Tensor = 3) -> list[Tensor]:
    """What torch.autograd.grad gives of cross-entropy, in the order of named_parameters()."""
    target = torch.full((len(x),), label) if isinstance(label, int) else label
    loss = F.cross_entropy(model(x), target)
    return [g.detach() for g in torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad])]


def named(model: nn.Module, x: Tensor, label: int = 3) -> dict[str, Tensor]:
    """The same by name."""
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    return dict(zip(names, gradients(model, x, label), strict=True))


def attacked(model, update, **more):
    return gi.attack(model, update, SHAPE, progress=False, **{"attack": LM, **more})


def psnr(result: gi.Result, x) -> float:
    return result.compare(x)["metrics"]["psnr"]
