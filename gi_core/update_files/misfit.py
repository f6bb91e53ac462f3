"""Why the last layer's gradient is not what the client as described would send: each cause is tried.

Label smoothing e: k = a (p - (1 - e) e_c - e / K). Weight decay d: dL/dW - d W has rank one. Another loss. Values rounded
to 16 bits. A cause is named only where it explains nine tenths of what was unexplained. No torch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gi_core.update_files.scaling import LOSSES, Layer, expected, fit

BETTER = 0.1
"""Share of the misfit that a named cause may leave."""
WORDS = {"cross_entropy": "cross-entropy", "logistic": "the logistic loss", "mse": "squared error"}
LIKELY = (
    "more pictures or steps than described, noise or compression, momentum, a learning-rate schedule, mixed or soft labels,"
    " or another loss"
)


def causes(layer: Layer, loss: str, misfit: float) -> list[str]:
    """What explains the misfit of one picture and one step, in words; empty where nothing that is tried does."""
    enough = BETTER * misfit
    found = []
    smoothing = smoothed(layer) if loss == "cross_entropy" else None
    if smoothing is not None and smoothing[1] < enough:
        found.append(f"label smoothing of {smoothing[0]:.2g} fits")
    decay = decayed(layer, loss)
    if decay is not None and decay[1] < enough:
        found.append(f"a weight decay of {decay[0]:.2g} fits")
    for other in LOSSES:
        one = fit(layer, other) if other != loss and (len(layer.weight) == 1) == (other == "logistic") else None
        if one is not None and one.misfit < enough:
            found.append(f"{WORDS[other]} as the loss fits (client.loss={other})")
    if several_labels(layer) < enough:
        found.append("binary cross-entropy over several labels fits")
    return found


def smoothed(layer: Layer) -> tuple[float, float] | None:
    """(e, misfit) of the label smoothing that fits best; None without a bias."""
    known = _logits(layer)
    if known is None or len(layer.weight) < 3:
        return None
    k, logits, rest = known
    rows, best = expected(logits, "cross_entropy"), None
    for c, row in enumerate(rows):
        moved = -np.full(len(k), 1.0 / len(k))
        moved[c] += 1.0  # k = a row + (a e) (e_c - 1 / K)
        basis = np.stack([row, moved], 1)
        (a, ae), *_ = np.linalg.lstsq(basis, k, rcond=None)
        misfit = float(np.linalg.norm(k - basis @ [a, ae]) / np.linalg.norm(k))
        if a and 0 < ae / a < 1 and (best is None or misfit < best[1]):
            best = (float(ae / a), misfit)
    return None if best is None else (best[0], max(best[1], rest))


def decayed(layer: Layer, loss: str) -> tuple[float, float] | None:
    """(d, misfit) of the weight decay that leaves the weights' gradient of rank one."""
    slope, weight, d = np.asarray(layer.weight_slope, np.float64), np.asarray(layer.weight, np.float64), 0.0
    if min(slope.shape) < 2:
        return None
    for _ in range(30):
        left, _, right = np.linalg.svd(slope - d * weight, full_matrices=False)
        u, v = left[:, :1], right[:1]
        across = weight - u @ (u.T @ weight)
        across -= (across @ v.T) @ v
        size = float((across * across).sum())
        if not size:
            return None
        d, before = float((across * slope).sum()) / size, d
        if abs(d - before) <= 1e-12 * abs(d):
            break
    bias = None if layer.bias_slope is None or layer.bias is None else layer.bias_slope - d * layer.bias
    found = fit(replace(layer, weight_slope=slope - d * weight, bias_slope=bias), loss)
    return None if found is None or not d / found.factor > 0 else (d / found.factor, found.misfit)


def several_labels(layer: Layer) -> float:
    """Misfit of k_j = a (sigmoid(z_j) - y_j) with y_j in {0, 1}: every entry gives an a of its own, all alike."""
    known = _logits(layer)
    if known is None or len(layer.weight) < 2:
        return float("inf")
    k, logits, rest = known
    s = 1 / (1 + np.exp(-logits))
    a = float(np.median(np.where(k > 0, k / s, k / (s - 1))))
    rows = a * (s - (k < 0))
    return max(float(np.linalg.norm(k - rows) / np.linalg.norm(k)), rest)


def _logits(layer: Layer) -> tuple[np.ndarray, np.ndarray, float] | None:
    """(dL/db, z, how far dL/dW is from rank one), where there is a bias."""
    if layer.bias_slope is None or layer.bias is None or not np.any(layer.bias_slope):
        return None
    slope, k = np.asarray(layer.weight_slope, np.float64), np.asarray(layer.bias_slope, np.float64)
    h = slope.T @ k / (k @ k)
    rest = float(np.linalg.norm(slope - np.outer(k, h)) / np.linalg.norm(slope))
    return k, np.asarray(layer.weight, np.float64) @ h + np.asarray(layer.bias, np.float64), rest
