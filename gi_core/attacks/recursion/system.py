"""The equations that a layer gives of its input: [rho K; D W] x = [rho vec(G); D (z - b)]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gi_core.attacks.recursion.matrix_free import KernelOperator
from gi_core.numerics.convolution_maps import Array, kernel_matrix, largest_singular, weight_matrix
from gi_core.settings.graph import Conv, Shape

MOST_PIXELS = 2304
"""Most pixels of a feature map whose K0 is written out; of a larger one it stays an operator."""
KERNEL_SHARE = 10.0
"""rho |K| = 10 |W|: gradient rows are exact to float32, weight rows carry the error of the layer above."""


@dataclass(frozen=True)
class System:
    """One convolution's equations. k (F, Ho, Wo); weight, gradient (F, C / groups, kernel, kernel); z (F, Ho, Wo)
    without bias; trust (F, Ho, Wo) weighs its equation, 0 where z is not known; shown (F,) filters whose gradient
    counts. groups: of input channels, which do not mix.
    """

    op: Conv
    k: Array
    weight: Array
    gradient: Array
    z: Array
    trust: Array
    shown: np.ndarray


@dataclass(frozen=True)
class Part:
    """The equations of one group of channels: kernel K0 (rows, H W), target (rows, C); weights W, z; rho."""

    kernel: Array | KernelOperator
    target: Array
    weights: sparse.csr_matrix
    z: Array
    rho: float

    def residual(self, x: Array) -> tuple[float, float]:
        """Squared norms of equations minus right-hand sides, and of the right-hand sides; x (C, H W)."""
        of_kernel = self.rho * (self.kernel @ x.T - self.target)
        of_weights = self.weights @ x.ravel() - self.z
        right = float(np.sum((self.rho * self.target) ** 2) + np.sum(self.z**2))
        return float(np.sum(of_kernel**2) + np.sum(of_weights**2)), right


def parts(system: System, input_shape: Shape, balanced: bool) -> list[Part]:
    """One Part for each group of the system's convolution."""
    op, found = system.op, []
    out, inside = op.channels // op.groups, op.channels_in // op.groups
    for g in range(op.groups):
        mine = slice(g * out, (g + 1) * out)
        shown = np.flatnonzero(system.shown[mine])
        dense = input_shape[1] * input_shape[2] <= MOST_PIXELS
        kernel = (kernel_matrix if dense else KernelOperator)(op, system.k[mine][shown], input_shape)
        target = system.gradient[mine][shown].transpose(0, 2, 3, 1).reshape(kernel.shape[0], inside)
        weights = weight_matrix(op, system.weight[mine], input_shape, system.z.shape)
        trust = system.trust[mine].ravel() if balanced else (system.trust[mine].ravel() > 0).astype(float)
        kept = np.flatnonzero(trust)
        weights = sparse.diags_array(trust[kept]) @ weights[kept]
        z = trust[kept] * system.z[mine].ravel()[kept]
        rho = _rho(kernel, weights) if balanced else 1.0
        found.append(Part(kernel, target, weights.tocsr(), z, rho))
    return found


def _rho(kernel: Array | KernelOperator, weights: sparse.csr_matrix) -> float:
    size = largest_singular(kernel)
    if size == 0.0:
        return 0.0
    return KERNEL_SHARE * (largest_singular(weights) or 1.0) / size
