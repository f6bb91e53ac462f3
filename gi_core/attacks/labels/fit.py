"""How well N pictures of given labels explain the last layer's gradient: least squares over a feature for each picture.

min over h_1..h_N of |sum_n (s_n - e_n) h_n^T / N - dL/dW|^2 / |dL/dW|^2 + |sum_n (s_n - e_n) / N - dL/db|^2 / |dL/db|^2
+ PRIOR^2 mean |h_n - h_bar|^2 / |h_bar|^2, s_n = s(W h_n + b), by Levenberg-Marquardt. With fewer pictures than classes
there are as many equations as unknowns, and the true labels leave nothing but the last term. This project's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PRIOR = 1e-2
STEPS, TRIES = 20, 6
SPREAD = 0.03
"""Share of |h_bar| by which pictures start apart: two of one class that start alike would stay alike."""


@dataclass(frozen=True)
class LastLayer:
    """weight (K, R) and bias (K,) of the layer, slopes of them (dL/dW, dL/db); softmax or identity outputs; how far the
    labels are smoothed. Float64.
    """

    weight: Tensor
    bias: Tensor
    weight_slope: Tensor
    bias_slope: Tensor
    softmax: bool
    smoothing: float = 0.0

    def outputs(self, features: Tensor) -> Tensor:
        """s of features (N, R): (N, K)."""
        logits = features @ self.weight.T + self.bias
        return torch.softmax(logits, -1) if self.softmax else logits

    def slopes(self, outputs: Tensor) -> Tensor:
        """ds/dh (N, K, R) at outputs (N, K)."""
        if not self.softmax:
            return self.weight.expand(len(outputs), -1, -1)
        return outputs[:, :, None] * (self.weight - (outputs @ self.weight)[:, None])


def misfit(layer: LastLayer, labels: Tensor, centre: Tensor) -> float:
    """Square root of the least value found. labels (N,) int64, centre (R,): guessed mean feature."""
    draw = torch.Generator().manual_seed(0)
    spread = SPREAD * float(centre.norm()) / len(centre) ** 0.5
    features = centre + spread * torch.randn(len(labels), len(centre), generator=draw, dtype=torch.float64)
    rest, damping = residual(layer, labels, centre, features), 1e-3
    for _ in range(STEPS):
        jacobian = residual_jacobian(layer, labels, centre, features)
        square, slope = jacobian.T @ jacobian, jacobian.T @ rest
        unit = torch.eye(len(slope), dtype=torch.float64) * square.diagonal().mean()
        for _ in range(TRIES):
            moved = features - torch.linalg.solve(square + damping * unit, slope).view_as(features)
            after = residual(layer, labels, centre, moved)
            if float(after.norm()) < float(rest.norm()):
                break
            damping *= 8
        else:
            break
        gain = 1 - float(after.norm()) / float(rest.norm())
        features, rest, damping = moved, after, damping / 4
        if gain < 1e-3:
            break
    return float(rest.norm())


def _pull(layer: LastLayer, labels: Tensor, outputs: Tensor) -> Tensor:
    """(s_n - e_n) / N, (N, K)."""
    one = smoothed(torch.eye(outputs.shape[1], dtype=torch.float64), layer.smoothing)
    return (outputs - one[labels]) / len(labels)


def smoothed(one: Tensor, share: float) -> Tensor:
    """Labels (N, K) with a share of each spread over all classes."""
    return one if not share else one * (1 - share) + share / one.shape[-1]


def residual(layer: LastLayer, labels: Tensor, centre: Tensor, features: Tensor) -> Tensor:
    """What is left of both gradients, relative to their norms, and the pull to the centre: (K R + K + N R,)."""
    pull = _pull(layer, labels, layer.outputs(features))
    apart = (features - centre) * (PRIOR / float(centre.norm()) / len(labels) ** 0.5)
    weight = (pull.T @ features - layer.weight_slope) / layer.weight_slope.norm()
    return torch.cat([weight.flatten(), (pull.sum(0) - layer.bias_slope) / layer.bias_slope.norm(), apart.flatten()])


def residual_jacobian(layer: LastLayer, labels: Tensor, centre: Tensor, features: Tensor) -> Tensor:
    """Derivative of `residual` by the features: (K R + K + N R, N R)."""
    count, size = features.shape
    outputs = layer.outputs(features)
    slopes = layer.slopes(outputs) / count  # (N, K, R)
    weight = torch.einsum("nki,nj->kjni", slopes, features)
    weight += torch.einsum("nk,ij->kjni", _pull(layer, labels, outputs), torch.eye(size, dtype=torch.float64))
    apart = torch.eye(count * size, dtype=torch.float64) * (PRIOR / float(centre.norm()) / count**0.5)
    bias = slopes.permute(1, 0, 2).reshape(-1, count * size) / layer.bias_slope.norm()
    return torch.cat([weight.reshape(-1, count * size) / layer.weight_slope.norm(), bias, apart])
