"""Training a network: Adam on cross-entropy, the rate rising first and then falling as a cosine."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gi_core.common.progress import Progress
from gi_core.data.training import TrainingSet
from gi_core.networks.bottleneck import drawing, penalised, settle
from gi_core.networks.losses import as_labels
from gi_core.networks.warm_start import SAMPLE, warm_start
from gi_core.settings.client import Trained

_WARM = 0.1  # share of the steps over which the rate rises


def rate(step: int, steps: int, top: float) -> float:
    """top * min(step / warm, (1 + cos(pi * progress)) / 2), progress after warm-up; step from 1."""
    warm = max(1, int(_WARM * steps))
    if step <= warm:
        return top * step / warm
    return top * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def train(
    model: nn.Module, data: TrainingSet, settings: Trained, mean: tuple[float, ...], std: tuple[float, ...],
    progress: Progress, device: str = "cpu",
) -> float:  # fmt: skip
    """Train in place, leave the network in eval mode, and return its test accuracy in [0, 1].

    data: images uint8 (M, C, H, W), labels (M,), test images, test labels; normalised with mean and
    std as the client's pictures are. Batch norm learns its statistics. An exception from progress
    ends it.
    """
    images, labels, test_images, test_labels = data
    drawing(model.to(device).train(), settings.seed)
    loss_of = penalised(model, _loss)
    warm_start(model, normalised(images[_sample(labels)], mean, std, device))
    order = torch.Generator().manual_seed(settings.seed)
    optimiser = torch.optim.Adam(model.parameters(), settings.learning_rate)
    batches = math.ceil(len(labels) / batch_of(len(labels), settings.batch_size))
    steps, step, running = settings.epochs * batches, 0, 0.0
    for epoch in range(settings.epochs):
        for rows in torch.randperm(len(labels), generator=order).chunk(batches):
            if len(rows) == 1 and len(labels) > 1:
                continue  # batch norm has no statistics of one picture
            step += 1
            optimiser.param_groups[0]["lr"] = rate(step, steps, settings.learning_rate)
            x = normalised(images[rows.numpy()], mean, std, device)
            loss = loss_of(model(x), torch.from_numpy(labels[rows.numpy()]).to(device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            value = float(loss.detach())
            running = value if step == 1 else 0.95 * running + 0.05 * value
            progress(step / (steps + 1), f"training: epoch {epoch + 1} of {settings.epochs}, loss {running:.3f}")
    settle(model.eval())
    reached = accuracy(model, test_images, test_labels, mean, std, device)
    model.to("cpu")
    progress(1.0, f"trained: test accuracy {reached:.1%}")
    return reached


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy; logistic for one output."""
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype))
    return F.cross_entropy(logits, labels)


def batch_of(pictures: int, asked: int) -> int:
    """The batch size asked for, smaller (8 at least) where an epoch would have under 16 steps."""
    return min(asked, max(8, pictures // 16))


def _sample(labels: np.ndarray) -> np.ndarray:
    """Evenly spaced rows, so that sorted data shows all its classes."""
    return np.linspace(0, len(labels) - 1, min(SAMPLE, len(labels))).astype(int)


@torch.no_grad()
def accuracy(
    model: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    device: str,
) -> float:
    """Share of pictures whose largest logit (or the sign of the only one) is their label."""
    right = 0
    for start in range(0, len(labels), 256):
        x = normalised(images[start : start + 256], mean, std, device)
        said = as_labels(model(x)).cpu().numpy()
        right += int((said == labels[start : start + 256]).sum())
    return right / len(labels)


def normalised(images: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...], device: str) -> Tensor:
    """uint8 (B, C, H, W) to (pixels / 255 - mean) / std, float32."""
    x = torch.from_numpy(images).to(device).float() / 255
    view = (1, -1, 1, 1)
    return (x - torch.tensor(mean, device=device).view(view)) / torch.tensor(std, device=device).view(view)
