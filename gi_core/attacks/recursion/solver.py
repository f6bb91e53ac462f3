"""Least squares of a layer's equations, with their structure.

K = I (x) K0, so one eigendecomposition K0^T K0 = V diag(lambda) V^T serves every channel. Directions of K0 with
sigma >= SURE sigma_max are solved from the gradient alone, one channel at a time. The rest, x_c = x0_c + V_r b_c, is
solved jointly from the weight constraints: (sum W_c V_r)^T(...) + diag(lambda_r), of C q unknowns instead of C H W.
What stays undetermined gets the solution of least norm. Above MOST_DENSE unknowns: LSMR with the operators.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from scipy import linalg

from gi_core.analysis.rank import formulas
from gi_core.attacks.recursion import joint, matrix_free
from gi_core.attacks.recursion.matrix_free import KernelOperator
from gi_core.attacks.recursion.system import Part, System, parts
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.graph import Shape

SURE = 1e-2
FLOAT32 = 6e-8
MOST_DENSE = 4600


@dataclass(frozen=True)
class Solution:
    """x (C, H, W); route, rank, condition, residual and expected relative error as `attacks.base.LayerReport`.

    free: orthonormal directions (n, deficiency) that no equation sees, where they were worked out.
    """

    x: Array
    route: str
    rank: int
    condition: float
    residual: float
    error: float
    free: Array | None = None

    @property
    def deficiency(self) -> int:
        return self.x.size - self.rank


def solve(systems: list[System], input_shape: Shape, *, balanced: bool = True) -> Solution:
    """The input of a layer from all its equations; several systems (a residual block) share one input.

    input_shape (C, H, W). balanced: weigh equations by their precision; False: all alike, as published.
    """
    split = [parts(s, input_shape, balanced) for s in systems]
    groups = len(split[0])
    counted = min(prod(input_shape), sum(_counted(s, input_shape) for s in systems))
    determined = counted == prod(input_shape)
    solved = [_solve_group([each[g] for each in split], input_shape, balanced, determined) for g in range(groups)]
    x = np.concatenate([s.x for s in solved])
    squares = np.array([[s.squared, s.right] for s in solved]).sum(0)
    routes = {s.route for s in solved}
    rank = sum(s.rank for s in solved)
    if "matrix-free" in routes:  # nothing was factorised: counted for equations in general position
        rank = counted
    worst = next(r for r in ("matrix-free", "under-determined", "joint", "gradient") if r in routes)
    worst = worst if rank == x.size else "under-determined"
    free = _free([s.free for s in solved], x.size)
    error = float(np.sqrt(sum(s.error**2 * np.sum(s.x**2) for s in solved) / max(np.sum(x**2), 1e-300)))
    return Solution(
        x, worst, rank, max(s.condition for s in solved),
        float(np.sqrt(squares[0] / max(squares[1], 1e-300))), error, free,
    )  # fmt: skip


def _free(groups: list[Array | None], unknowns: int) -> Array | None:
    """Open directions of all groups, each in its own channels."""
    if all(f is None for f in groups):
        return None
    size = unknowns // len(groups)
    return linalg.block_diag(*[np.zeros((size, 0)) if f is None else f for f in groups])


def _counted(system: System, input_shape: Shape) -> int:
    return formulas.convolution(system.op, input_shape, masked=bool((system.trust == 0).any())).rank


@dataclass(frozen=True)
class _Group:
    x: Array
    route: str
    rank: int
    condition: float
    squared: float
    right: float
    error: float
    free: Array | None = None


def _solve_group(equations: list[Part], input_shape: Shape, balanced: bool, determined: bool) -> _Group:
    channels, pixels = equations[0].target.shape[1], input_shape[1] * input_shape[2]
    least = max(0, pixels - sum(p.kernel.shape[0] for p in equations)) if balanced else pixels
    written = [(p.rho**2, p.kernel, p.target) for p in equations if not isinstance(p.kernel, KernelOperator)]
    if len(written) < len(equations) or channels * least > MOST_DENSE:
        return _iterate(equations, channels, input_shape, determined)
    gram = sum((w * (k.T @ k) for w, k, _ in written), np.zeros((pixels, pixels)))
    right = sum((w * (k.T @ target) for w, k, target in written), np.zeros((pixels, channels)))
    values, vectors = linalg.eigh(gram, driver="evd", overwrite_a=True, check_finite=False)
    values = np.maximum(values, 0.0)
    top = values[-1]
    sure = values > top * SURE**2 if balanced and top > 0 else np.zeros(pixels, bool)
    if channels * int((~sure).sum()) > MOST_DENSE:
        return _iterate(equations, channels, input_shape, determined)
    known, rest = vectors[:, sure], vectors[:, ~sure]
    x = (known @ ((known.T @ right) / values[sure, None])).T  # (C, H W)
    spread = float((1 / values[sure]).sum()) * channels
    condition = float((top / values[sure][0]) ** 0.5) if sure.any() else 1.0
    rank, route, free = channels * int(sure.sum()), "gradient", None
    if rest.shape[1]:
        found = joint.solve(equations, x, rest, values[~sure], right)
        x = x + (rest @ found.b).T
        rank, condition, spread = rank + found.rank, max(condition, found.condition), spread + found.spread
        route = "joint" if found.rank == found.b.size else "under-determined"
        if found.free is not None:
            of_channels = found.free.reshape(channels, rest.shape[1], -1)
            free = np.einsum("hq,cqd->chd", rest, of_channels).reshape(channels * pixels, -1)
    return replace(_finish(equations, x, route, rank, condition, spread, input_shape), free=free)


def _finish(
    equations: list[Part], x: Array, route: str, rank: int, condition: float, spread: float, input_shape: Shape
) -> _Group:
    """Residual, and the error that residual or float32 rounding makes in x: s sqrt(trace (A^T A)^-1) / |x|."""
    squares = np.array([p.residual(x) for p in equations]).sum(0)
    rows = sum(p.target.size + p.z.size for p in equations)
    noise = max((squares[0] / max(1, rows - rank)) ** 0.5, FLOAT32 * (squares[1] / max(1, rows)) ** 0.5)
    error = noise * spread**0.5 / max(float(np.linalg.norm(x)), 1e-300)
    return _Group(x.reshape(-1, *input_shape[1:]), route, rank, condition, squares[0], squares[1], error)


def _iterate(equations: list[Part], channels: int, input_shape: Shape, determined: bool) -> _Group:
    found = matrix_free.solve(equations, channels, input_shape[1] * input_shape[2], determined)
    spread = found.condition**2 / max(found.norm, 1e-300) ** 2  # the worst direction alone: a lower estimate
    return _finish(equations, found.x, "matrix-free", found.x.size, found.condition, spread, input_shape)
