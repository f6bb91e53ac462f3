"""A small network with batch norm and its training in numpy, for the examples: no torch in their environments.

conv 4x4, stride 4 -> batch norm (train mode) -> leaky ReLU -> dense. Names and shapes are those of `network.json`,
which Gradient Inversion Studio builds, so a recorded round can be attacked with it.
"""

from __future__ import annotations

import numpy as np

SIDE, KERNEL, CHANNELS, CLASSES = 16, 4, 16, 4
SLOPE, EPSILON, MOMENTUM = 0.01, 1e-5, 0.1
CELLS = (SIDE // KERNEL) ** 2
_GLYPHS = (
    ("..##..", ".#..#.", ".####.", ".#..#.", ".#..#."),
    (".###..", ".#..#.", ".###..", ".#..#.", ".###.."),
)

Weights = dict[str, np.ndarray]


def fresh(seed: int = 0) -> Weights:
    """name -> array, as a state dict of torch has them."""
    draw = np.random.default_rng(seed)
    fan = CHANNELS * CELLS
    return {
        "layer1.weight": draw.normal(0, KERNEL**-1, (CHANNELS, 1, KERNEL, KERNEL)).astype(np.float32),
        "layer1_bn.weight": np.ones(CHANNELS, np.float32),
        "layer1_bn.bias": np.zeros(CHANNELS, np.float32),
        "layer1_bn.running_mean": np.zeros(CHANNELS, np.float32),
        "layer1_bn.running_var": np.ones(CHANNELS, np.float32),
        "layer1_bn.num_batches_tracked": np.zeros((), np.int64),
        "fc.weight": draw.normal(0, fan**-0.5, (CLASSES, fan)).astype(np.float32),
        "fc.bias": np.zeros(CLASSES, np.float32),
    }


def picture(client: int) -> tuple[np.ndarray, np.ndarray]:
    """The client's private picture (1, 1, 16, 16) in [0, 1], a letter on a slope, and its label (1,)."""
    rows = np.array([[c == "#" for c in row] for row in _GLYPHS[client % len(_GLYPHS)]], np.float32)
    letter = np.pad(rows.repeat(3, 0).repeat(2, 1), ((0, 1), (2, 2)))
    slope = np.linspace(0.1, 0.4, SIDE, dtype=np.float32)
    return (slope + 0.6 * letter)[None, None], np.array([client % CLASSES])


def train(weights: Weights, images: np.ndarray, labels: np.ndarray, *, steps: int = 1, rate: float = 0.1) -> Weights:
    """The weights and running statistics after full-batch steps of SGD on the mean cross-entropy."""
    w = {name: np.array(value) for name, value in weights.items()}
    n = len(images)
    grid = images.reshape(n, SIDE // KERNEL, KERNEL, SIDE // KERNEL, KERNEL)
    patches = grid.transpose(0, 1, 3, 2, 4).reshape(n * CELLS, KERNEL * KERNEL)
    for _ in range(steps):
        kernels = w["layer1.weight"].reshape(CHANNELS, -1)
        z = patches @ kernels.T
        mean, var = z.mean(0), z.var(0)
        unit = (z - mean) / np.sqrt(var + EPSILON)
        normed = unit * w["layer1_bn.weight"] + w["layer1_bn.bias"]
        active = np.where(normed > 0, normed, SLOPE * normed)
        flat = active.reshape(n, CELLS, CHANNELS).transpose(0, 2, 1).reshape(n, -1)
        logits = flat @ w["fc.weight"].T + w["fc.bias"]
        chance = np.exp(logits - logits.max(1, keepdims=True))
        chance /= chance.sum(1, keepdims=True)
        wrong = (chance - np.eye(CLASSES)[labels]) / n

        back = (wrong @ w["fc.weight"]).reshape(n, CHANNELS, CELLS).transpose(0, 2, 1).reshape(n * CELLS, CHANNELS)
        back = back * np.where(normed > 0, 1, SLOPE)
        inner = back * w["layer1_bn.weight"]
        inner = (inner - inner.mean(0) - unit * (inner * unit).mean(0)) / np.sqrt(var + EPSILON)
        gradients = {
            "layer1.weight": (inner.T @ patches).reshape(w["layer1.weight"].shape),
            "layer1_bn.weight": (back * unit).sum(0),
            "layer1_bn.bias": back.sum(0),
            "fc.weight": wrong.T @ flat,
            "fc.bias": wrong.sum(0),
        }
        for name, gradient in gradients.items():
            w[name] = (w[name] - rate * gradient).astype(np.float32)
        _track(w, mean, var * len(z) / (len(z) - 1))
    return w


def _track(w: Weights, mean: np.ndarray, unbiased: np.ndarray) -> None:
    for name, value in (("running_mean", mean), ("running_var", unbiased)):
        key = f"layer1_bn.{name}"
        w[key] = ((1 - MOMENTUM) * w[key] + MOMENTUM * value).astype(np.float32)
    w["layer1_bn.num_batches_tracked"] += 1  # in place: it stays an array
