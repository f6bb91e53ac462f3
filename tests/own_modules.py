"""Networks as people write them, for tests of tracing and of attacks on a module of one's own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 10


class FunctionalLeNet(nn.Module):
    """The tutorial's way: layers made in another order than they are called, F.relu, view. Padding keeps every pixel in."""

    def __init__(self, channels: int = 3, side: int = 12):
        super().__init__()
        self.fc2 = nn.Linear(40, CLASSES)
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * side * side, 40)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


class Methods(nn.Module):
    """Methods of tensors in place of functions, and flatten with keywords."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3, 2, 1), nn.Linear(6 * 36, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x).relu().flatten(start_dim=1))


class InPlace(nn.Module):
    """Operations in place: nn.ReLU(inplace=True), relu_, +=, and dropout."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8)
        self.relu, self.drop = nn.ReLU(inplace=True), nn.Dropout(0.5)
        self.fc = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        identity = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(identity))
        out += identity
        out.relu_()
        return self.fc(self.drop(out.mean([2, 3])))


class Block(nn.Module):
    """A residual block as torchvision writes it, but the shortcut comes first."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        beside = self.shortcut(x)
        return torch.relu(torch.add(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))), beside))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, 8, 3, 1, 1), nn.ModuleList([Block(8, 8, 1), Block(8, 16, 2)])
        self.head = nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.head(F.adaptive_avg_pool2d(x, (1, 1)).squeeze(-1).squeeze(-1))


class Dense(nn.Module):
    """Densely connected: everything before, joined."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding="same")
        self.layers = nn.ModuleDict({f"layer{k}": nn.Conv2d(4 * k, 4, 3, padding=1) for k in (1, 2)})
        self.out = nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        found = [F.elu(self.first(x))]
        for layer in self.layers.values():
            found.append(F.silu(layer(torch.cat(found, dim=1))))
        return self.out(torch.cat(found, 1).mean((-2, -1)))


class Branching(nn.Module):
    """Decisions that need no values: on a size and on a mode."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 4, 3, 1, 1), nn.Linear(4 * 36, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv(x), 0.2)
        if x.shape[-1] > 6:
            x = F.max_pool2d(x, kernel_size=2)
        if self.training:
            x = x + torch.randn_like(x)
        return self.out(torch.flatten(x, 1))


class LogSoftmax(nn.Module):
    """The MNIST example's way: log-probabilities, for nll_loss."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3 * 144, 30), nn.Linear(30, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(self.fc2(torch.sigmoid(self.fc1(x.reshape(len(x), -1)))), dim=1)


class Writing(nn.Module):
    """Writes into the pictures that it is given."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 4, 3, 2, 1), nn.Linear(4 * 36, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x.clamp_(min=0)
        return self.out(torch.sigmoid(self.conv(x)).flatten(1))


def sequential(*activations: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), *activations, nn.Flatten(), nn.Linear(144, CLASSES))


def nested() -> nn.Sequential:
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.GroupNorm(2, 8), nn.GELU())
    return nn.Sequential(body, nn.AvgPool2d(2), nn.Sequential(nn.Flatten(), nn.Linear(72, CLASSES)))


def mobile() -> nn.Sequential:
    """Depthwise and pointwise convolutions with ReLU6, a pooling that keeps a map, and a convolution in its place."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6(inplace=True), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Hardtanh(0, 6),
        nn.Conv2d(8, 16, 1), nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, CLASSES, 1), nn.Flatten(),
    )  # fmt: skip


STYLES = {
    "functional": FunctionalLeNet, "methods": Methods, "in place": InPlace, "residual": Residual, "joined": Dense,
    "branching": Branching, "log_softmax": LogSoftmax, "writing": Writing, "nested": nested, "mobile": mobile,
    "sigmoid": lambda: sequential(nn.Sigmoid()), "identity": lambda: sequential(nn.Identity(), nn.Dropout2d(0.2), nn.Tanh()),
    "softplus": lambda: sequential(nn.Softplus()), "leaky": lambda: sequential(nn.BatchNorm2d(4), nn.LeakyReLU(0.1, True)),
    "adaptive": lambda: nn.Sequential(
        nn.Conv2d(3, 6, 5, 1, 2), nn.SiLU(), nn.AdaptiveAvgPool2d((3, 3)), nn.Flatten(), nn.Linear(54, CLASSES)
    ),
    "dense": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(432, 20), nn.BatchNorm1d(20), nn.ELU(), nn.Linear(20, CLASSES, bias=False)
    ),
}  # fmt: skip
"""Each makes a network for pictures (3, 12, 12)."""
SHAPE = (3, 12, 12)
