"""Pictures of a batch as a problem in the few directions that the positions' gradient leaves open.

    x_n = p + z_n F,   min over z of |g(x_1, .., x_B) - g*|^2 / |g*|^2 by Levenberg-Marquardt

p is the point and F the directions to which all h_t of `coset` are blind: T^2 B (B - 1) unknowns in place of B T n. g plays the
client's round, so local steps that move the tokens are allowed for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.simulation import RoundMap
from gi_core.attacks.observation import observe
from gi_core.attacks.priors import SmoothPrior
from gi_core.attacks.recursion.transformer.given import Given
from gi_core.attacks.second_order.damped_steps import FLOOR, DampedSteps
from gi_core.attacks.second_order.matched import Matched, Together
from gi_core.attacks.second_order.residuals import Residual
from gi_core.networks.losses import Loss
from gi_core.settings.attacks import LevenbergMarquardt
from gi_core.settings.plan import Plan


class Within(RoundMap):
    """The client's round as a function of z (1, B, T, f)."""

    def __init__(self, given: Given, loss: Loss, pictures: Callable[[Tensor], Tensor]):
        super().__init__(given.update, given.knowledge, loss, Plan(), torch.float64, torch.device("cpu"))
        self.pictures = pictures

    def __call__(self, x: Tensor, target: Tensor, only=None, graph: bool = True) -> list[Tensor]:
        shown = self.pictures(x[0])[None]
        if self.schedule is None:
            return super().__call__(shown, target, only, graph)
        return self.play(shown, target, only)[0]


class Reduced:
    """whole: makes pictures of whole patches as large as the network's, in pixels. labels (N,). shared (T, n): p. free (f, n): F.
    floor: |r| from which a step that does not halve |r|^2 ends a start.
    """

    def __init__(
        self, given: Given, whole: Callable[[Tensor], Tensor], labels: Tensor, shared: Tensor, free: Tensor,
        floor: float = FLOOR,
    ):  # fmt: skip
        self.given, self.shared, self.free = given, shared, free
        known, encode = replace(given.knowledge, labels=labels), given.tiles.pixels.encode
        mean = as_mean_gradient(given.update, known.schedule, known.model)
        seen = observe(mean, known, "known", torch.float64, torch.device("cpu"))
        gradient = Within(given, seen.loss, lambda z: encode(whole(self.pictures(z))))
        targets = [seen.gradients[i] / seen.size for i in seen.sent]
        settings = LevenbergMarquardt(iterations=max(1, given.settings.search))
        only = None if len(seen.sent) == len(seen.gradients) else seen.sent
        one = Matched(gradient, seen.read()[0], only, 1.0 / seen.size, targets, None)
        self.damped = DampedSteps(settings, Together([one]), Residual(targets), SmoothPrior(0.0, 0.0), False, floor)

    def pictures(self, z: Tensor) -> Tensor:
        """(B, C, h, w) in pixels, of z (B, T, f)."""
        return torch.stack([self.given.tiles.picture(self.shared + own @ self.free) for own in z])

    def at(self, patches: Tensor) -> Tensor:
        """z of patches (B, T, n): of the nearest ones that the positions allow."""
        return (patches - self.shared) @ self.free.T

    def residual(self, z: Tensor) -> dict[str, float]:
        """Of every tensor that was sent, of the played round."""
        parts = zip(self.damped.rest(z), self.damped.residual.targets, strict=True)
        names = [name for name in self.given.update.tensors if name not in self.given.update.withheld]
        sizes = [float(r.norm()) / (float(t.norm()) or 1.0) for r, t in parts]
        return dict(zip(names, sizes, strict=True))
