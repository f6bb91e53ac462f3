"""LPIPS: sum_l mean_hw ||w_l * (f_l(a) - f_l(b))||^2 over AlexNet's unit-length features f_l.

Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
The linear weights w_l come with the `lpips` package, AlexNet's do not: they are fetched on
request, and without them LPIPS is None. The package's own loading downloads by itself, so the
network is constructed empty and both weights are put in here.
"""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gi_core.common.paths import data_home
from gi_core.metrics.batch import Batch, Found

if TYPE_CHECKING:
    from numpy import ndarray as Array

SMALLEST = 64  # pixels: AlexNet's strides leave nothing of less
HOW = "run: python -m gi_core fetch lpips"
URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
FEATURES = "alexnet_features.safetensors"  # what is kept of the file: 10 of 233 MB


def weights_file() -> Path | None:
    """AlexNet's weights on this machine, or None: what was fetched, or torchvision's own file."""
    folder = data_home() / "lpips"
    return next((p for p in (folder / FEATURES, folder / URL.rpartition("/")[2]) if p.is_file()), None)


def distances(a: Array, b: Array) -> tuple[list[float] | None, str]:
    """(LPIPS of each pair, note). a, b: (N, C, H, W) in [0, 1], C 1 (repeated) or 3.

    None with the command that fetches the weights where they are not on the machine, or with what
    is wrong with them. Pictures under 64 pixels are enlarged, and the note says so.
    """
    path = weights_file()
    if path is None:
        return None, f"the LPIPS weights are not on this machine; {HOW}"
    try:
        network = _network(str(path), path.stat().st_mtime_ns)
    except Unreadable as error:
        return None, f"{error}; delete it and {HOW}"
    import torch

    with torch.no_grad():
        values = network(_prepared(a), _prepared(b)).flatten().tolist()
    side = min(a.shape[-2:])
    return values, f"pictures enlarged from {side} to {SMALLEST} pixels for LPIPS" if side < SMALLEST else ""


def lpips_of(batch: Batch) -> Found:
    """LPIPS of each picture in one pass of the network, with the note of `distances`."""
    import numpy as np

    answers = np.nan_to_num(batch.raw, nan=0.5).clip(0.0, 1.0)
    values, note = distances(answers, batch.true)
    measured = values if values is not None else [None] * len(batch.true)
    kept = [value if good else None for value, good in zip(measured, batch.finite, strict=True)]
    return Found({"lpips": kept}, {"lpips_note": note})


class Unreadable(ValueError):
    """A weights file that is damaged, or of something else."""


def _prepared(pictures: Array) -> Any:
    """(N, 3, H, W) float32 in [-1, 1], both sides at least 64 (bilinear)."""
    import torch
    import torch.nn.functional as F

    x = torch.as_tensor(pictures, dtype=torch.float32)
    x = x.expand(-1, 3, -1, -1)
    scale = SMALLEST / min(x.shape[-2:])
    if scale > 1:
        size = [round(s * scale) for s in x.shape[-2:]]
        x = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
    return 2 * x - 1


@functools.lru_cache(maxsize=1)
def _network(path: str, _changed: int) -> Any:
    """lpips.LPIPS(alex) with AlexNet from `path` and the package's linear weights."""
    from gi_core.common.vision import import_torchvision

    import_torchvision()
    import lpips
    import torch

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):  # drawn, then overwritten
        warnings.simplefilter("ignore")  # lpips names torchvision's weights as it did years ago
        network = lpips.LPIPS(net="alex", pnet_rand=True, pretrained=False, verbose=False)
    linear = Path(lpips.__file__).parent / "weights" / "v0.1" / "alex.pth"
    network.load_state_dict(torch.load(linear, map_location="cpu", weights_only=True), strict=False)
    trunk = read_features(Path(path))
    expected = network.net.state_dict()
    renamed = {name: trunk.get(f"features.{name.partition('.')[2]}") for name in expected}
    if any(t is None or t.shape != expected[k].shape for k, t in renamed.items()):
        raise Unreadable(f"{path} does not hold AlexNet's weights")
    network.net.load_state_dict(renamed)
    return network.eval().requires_grad_(False)


def read_features(path: Path) -> dict[str, Any]:
    """name -> tensor of a `.safetensors` file or of a `.pth` state dict, never run as code.

    Raises Unreadable.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    except Exception as error:  # noqa: BLE001 - an unpickler fed with anything raises anything
        raise Unreadable(f"{path} cannot be read ({type(error).__name__})") from None
