"""Inception scoring of trials: the picture wins whose class is most certain to ImageNet's Inception-v3.

score = sum over pictures of -sum_k p_k log p_k, p = softmax(Inception(x)), pictures enlarged to 299
pixels. Geiping et al. 2020. The weights are fetched on request, never by an attack.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gi_core.attacks.base import Refused

KIND = "inception_v3"
SIDE = 299
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Score = Callable[[Tensor], Tensor]


def load(device: torch.device) -> Score:
    """pixels (T, N, C, H, W) -> entropies (T,). Raises Refused where the weights are not on the machine."""
    from gi_core.common.vision import import_torchvision
    from gi_core.networks.imagenet import path_of
    from gi_core.tensor_files.weights import load_state, read_state

    path = path_of(KIND)
    if not path.is_file():
        raise Refused(
            "scoring by Inception needs its ImageNet weights: run python -m gi_core fetch inception_v3, or choose scoring loss"
        )
    import_torchvision()
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, init_weights=False)
    load_state(network, read_state(path, path.name), path.name)
    return entropy_of(network.to(device).eval().requires_grad_(False))


def entropy_of(network: nn.Module) -> Score:
    """The score by any classifier of (B, 3, 299, 299) normalised pictures."""

    @torch.no_grad()
    def score(pixels: Tensor) -> Tensor:
        x = pixels.flatten(0, 1).float().clamp(0, 1)
        x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
        shape = (1, 3, 1, 1)
        logits = network((x - x.new_tensor(MEAN).view(shape)) / x.new_tensor(STD).view(shape))
        logp = torch.log_softmax(logits, -1)
        return -(logp.exp() * logp).sum(-1).view(pixels.shape[:2]).sum(1)

    return score
