"""How far off the ensemble's answer is, as far as the update tells: the error of one draw from what is known of the picture.

Around the answer g(x + e) = g(x) + J^T e, and pixels have the prior covariance v, whose spectrum falls as that of pictures. The update's own noise has variance s^2 in each of P
values; what an answer leaves beyond that is its own misfit, which lies in d directions alone, so it counts P / d times as much. With e ~ N(0, v) and n ~ N(0, s^2),

    d = argmin_d |J^T (d - e) - n|^2 / s^2 + |d|^2 / v,    error = e - d

is a draw of the error that is left (perturb and optimise: Orieux et al. 2012): small where the update shows the picture, as large as the
prior where it does not. It takes one Krylov solve, at most `MOST` products with the Jacobian and its transpose.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.networks.losses import as_target, loss_of
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import JacobianProducts
from gi_core.numerics.lanczos import ShiftedSolver
from gi_core.settings.ensemble_attacks import SECOND_ORDER
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

PRIOR = 0.25
"""Standard deviation of a pixel in [0, 1] about what is known of pictures: what guessing grey gets wrong."""
MOST, PARAMETERS = 300, 1_000_000
"""Products, and parameters of the network up to which they are worth their time."""
SLACK = 1.1
"""Factor on the noise as it was read."""
LEAST = 1e-5
"""Least residual that is reckoned with: rounding of the update."""


def expected_error(
    update: Update, knowledge: Knowledge, images: Tensor, labels: Tensor, residual: float, noise: float, cleared: bool
) -> float | None:  # fmt: skip
    """Root mean square in pixels; None where it would take too long, or the labels are none of the network's.

    images (N, C, H, W) in pixels, labels (N,). residual: what they leave of the update, of which `noise` is the update's own. A round of several steps is taken for one gradient here.
    """
    update, knowledge = unscaled(update, knowledge)
    gradient = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    too_many = images.numel() > SECOND_ORDER or sum(t.numel() for t in gradient.tensors.values()) > PARAMETERS
    classes = max(2, knowledge.classes)
    if too_many or knowledge.loss in ("own", "multi_label") or not bool(((labels >= 0) & (labels < classes)).all()):
        return None
    std = torch.tensor(knowledge.std, dtype=torch.float64).view(-1, 1, 1)
    mean = torch.tensor(knowledge.mean, dtype=torch.float64).view(-1, 1, 1)
    x = (images.double().clamp(0, 1) - mean) / std
    cpu, draws = torch.device("cpu"), generator(0, 1)
    played = GradientMap(knowledge, loss_of(knowledge.loss, knowledge.terms), Plan(), torch.float64, cpu)
    sent = [i for i, name in enumerate(gradient.tensors) if name not in gradient.withheld]
    try:
        local = JacobianProducts(played, x, as_target(labels, knowledge.classes, x), 1.0, sent)
    except Refused:
        return None
    values = [list(gradient.tensors.values())[i].cpu() for i in sent]
    kept = [(t != 0).double() if cleared else torch.ones_like(t, dtype=torch.float64) for t in values]

    def seen(parts: list[Tensor]) -> Tensor:
        return local.j([part * there for part, there in zip(parts, kept, strict=True)])

    size, prior = sum(float(t.square().sum()) for t in local.value) ** 0.5, PRIOR / float(std.mean())
    left = max(residual, LEAST)
    own = min(left, SLACK * noise)
    parameters = sum(t.numel() for t in local.value)
    spread = size * math.sqrt(own**2 / parameters + (left**2 - own**2) / x.numel())
    colour = _natural(x)
    latent = torch.randn(x.numel(), generator=draws, dtype=torch.float64)
    beside = [spread * torch.randn(t.shape, generator=draws, dtype=torch.float64) for t in local.value]
    error = prior * colour(latent)
    whole = prior * colour(seen(local.jt(error)) + seen(beside))
    if not float(whole.norm()) > 0:
        return PRIOR

    def product(v: Tensor) -> Tensor:
        return prior**2 * colour(seen(local.jt(colour(v))))

    found = prior * colour(ShiftedSolver(product, whole, MOST, lambda top: spread**2, 1e-8).solve(spread**2))
    return float(((error - found).view_as(x) * std).square().mean().sqrt())


def _natural(like: Tensor) -> Callable[[Tensor], Tensor]:
    """S with S S^T the covariance of pictures whose spectrum falls as 1 / (1 + f^2), of unit variance; f in cycles over the picture."""
    height, width = like.shape[-2:]
    rows = torch.fft.fftfreq(height, 1 / height, dtype=torch.float64)[:, None]
    columns = torch.fft.rfftfreq(width, 1 / width, dtype=torch.float64)[None]
    power = 1 / (1 + rows**2 + columns**2)
    twice = torch.full_like(power, 2.0)  # half of a real picture's spectrum is not kept
    twice[:, 0] = 1.0
    if width % 2 == 0:
        twice[:, -1] = 1.0
    amplitude = (power * height * width / (power * twice).sum()).sqrt()

    def apply(v: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(v.view_as(like)) * amplitude
        return torch.fft.irfft2(spectrum, s=(height, width)).reshape(-1)

    return apply
