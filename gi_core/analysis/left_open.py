"""How far off an answer is that does not match, or is too large to be looked at whole: one draw of what the update leaves open.

Around the answer g(x + e) = g(x) + J^T e, and pixels have the prior covariance v, whose spectrum falls as that of pictures. With
e ~ N(0, v) and n ~ N(0, s^2) of each value of the update,

    d = argmin_d |J^T (d - e) - n|^2 / s^2 + |d|^2 / v,    error = e - d

is a draw of the error that is left (perturb and optimise: Orieux et al. 2012): small where the update shows the picture, as large as the
prior where it does not. It takes one Krylov solve, at most `MOST` products with the Jacobian and its transpose.

`uniqueness` has the same J and s, and all directions in place of a draw, with a prior that is alike in each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gi_core.networks.losses import as_target, loss_of
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import JacobianProducts
from gi_core.numerics.lanczos import ShiftedSolver
from gi_core.numerics.spectrum import PRIOR
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge

MOST = 300
"""Products that the draw may take."""


def error(
    knowledge: Knowledge, x: Tensor, labels: Tensor, kept: dict[int, Tensor], precision: float, residual: float
) -> float:  # fmt: skip
    """Root mean square of a pixel in [0, 1], at x (N, C, H, W), normalised, with labels (N,).

    kept: by the place of a parameter that was sent, 1 at each value that counts. precision, residual: of the update and of the answer, relative. What
    an answer leaves beyond the update's own error is its own misfit, which lies in d directions alone, so it counts P / d times as much. Both are shares of the update, of which the answer's own gradient is sqrt(1 - r^2).
    """
    gradient = GradientMap(
        knowledge, loss_of(knowledge.loss, knowledge.terms), Plan(), torch.float64, torch.device("cpu")
    )
    local = JacobianProducts(gradient, x, as_target(labels, knowledge.classes, x), 1.0, list(kept))
    masks, draws = list(kept.values()), generator(0, 1)
    explained = max(1 - residual**2, 1e-12) ** 0.5  # |a g| / |g*|, of the factor that fits best
    size = sum(float(t.square().sum()) for t in local.value) ** 0.5 / explained
    own = min(residual, precision)
    values = sum(t.numel() for t in local.value)
    sigma = size * (own**2 / values + (residual**2 - own**2) / x.numel()) ** 0.5
    std = torch.tensor(knowledge.std, dtype=torch.float64).view(-1, 1, 1)
    prior, colour = PRIOR / float(std.mean()), _natural(x)

    def seen(parts: Sequence[Tensor]) -> Tensor:
        return local.j([part * mask for part, mask in zip(parts, masks, strict=True)])

    def product(v: Tensor) -> Tensor:
        return prior**2 * colour(seen(local.jt(colour(v))))

    wrong = prior * colour(torch.randn(x.numel(), generator=draws, dtype=torch.float64))
    noise = [sigma * torch.randn(t.shape, generator=draws, dtype=torch.float64) for t in local.value]
    whole = prior * colour(seen(local.jt(wrong)) + seen(noise))
    if not float(whole.norm()) > 0:
        return PRIOR
    found = prior * colour(ShiftedSolver(product, whole, MOST, lambda top: sigma**2, 1e-8).solve(sigma**2))
    return float(((wrong - found).view_as(x) * std).square().mean().sqrt())


def departure(images: Tensor) -> float:
    """How far pictures (N, C, H, W) in [0, 1] lie from grey, by the same prior: root mean square of them where its spectrum is made flat. An
    answer with a texture that pictures do not have is as much larger.
    """
    x = images.double() - 0.5
    amplitude = _amplitude(x)
    flat = torch.fft.rfft2(x) / amplitude
    return float(torch.fft.irfft2(flat, s=tuple(x.shape[-2:])).square().mean().sqrt())


def _amplitude(like: Tensor) -> Tensor:
    """(H, W // 2 + 1): of each frequency f, in cycles over the picture, with power as 1 / (1 + f^2) and a mean power of 1."""
    height, width = like.shape[-2:]
    rows = torch.fft.fftfreq(height, 1 / height, dtype=torch.float64)[:, None]
    columns = torch.fft.rfftfreq(width, 1 / width, dtype=torch.float64)[None]
    power = 1 / (1 + rows**2 + columns**2)
    twice = torch.full_like(power, 2.0)  # half of a real picture's spectrum is not kept
    twice[:, 0] = 1.0
    if width % 2 == 0:
        twice[:, -1] = 1.0
    return (power * height * width / (power * twice).sum()).sqrt()


def _natural(like: Tensor) -> Callable[[Tensor], Tensor]:
    """S with S S^T the covariance of pictures whose spectrum falls as 1 / (1 + f^2), of unit variance; f in cycles over the picture."""
    height, width = like.shape[-2:]
    amplitude = _amplitude(like)

    def apply(v: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(v.view_as(like)) * amplitude
        return torch.fft.irfft2(spectrum, s=(height, width)).reshape(-1)

    return apply
