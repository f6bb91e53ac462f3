"""The picture from the stem's pooled output m and dL/dm, by annealing who won in each window.

    sum relu(z - u)^2 + sum_active relu(m - soft)^2 + lambda |G residual|^2 + tau TV,

all in units of each channel: soft a softmax among who may have won a window (`Stem.candidates`), u the least m of the
windows that hold a position, lambda = 0.3 sum m^2 / 64, tau in proportion to the temperature. L-BFGS at temperatures
falling from 2 to 0, longest at the first. This project's own.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gi_core.attacks.recursion.residual import finish
from gi_core.attacks.recursion.residual.shallow import Stem, variation

TEMPERATURES = (*[2 * 0.6**k for k in range(10)], 0.01, 0.0)
FIRST = 4
"""Times the iterations of another temperature that the first one gets: from zeros it has the longest way."""
GRADIENT, VARIATION = 0.3, 0.9
SMOOTHER, LOST = (1.0, 2.0), 1e-2
"""Total variation of one try after another, as multiples; misfit above which an annealing has lost its way, and is tried anew."""


class StemSearch:
    """What is searched where every block was passed. pooled m / u, active, back: (C, windows); error: of pooled."""

    def __init__(self, stem: Stem, pooled: Tensor, active: Tensor, back: Tensor, error: Tensor):
        self.stem, self.pooled, self.active, self.back = stem, pooled, active, back
        self.bound = stem.bound(pooled)
        self.open = stem.candidates(pooled * active, error)
        self.weight = GRADIENT * float((pooled**2).sum()) / 64

    def objective(self, temperature: float, smoother: float = 1.0) -> Callable[[Tensor], Tensor]:
        """The loss of a picture x (C, H, W) at a temperature; smoother: multiplies the total variation."""
        tau = smoother * VARIATION * temperature / TEMPERATURES[0]
        dealt, stem = self.back * self.active, self.stem

        def loss(x: Tensor) -> Tensor:
            patches = stem.patches(x)
            z = stem.maps(patches)
            held = stem.in_windows(z)
            w = stem.weights(held, temperature, self.open)
            short = torch.relu(self.pooled - stem.soft(held, w))[self.active]
            total = (torch.relu(z - self.bound) ** 2).sum() + (short**2).sum()
            total = total + self.weight * (stem.misfit(stem.dealt(w, dealt), patches, z) ** 2).sum()
            if stem.normed is not None:
                total = total + self.pooled.shape[1] * (stem.normed.moments(z) ** 2).sum()
            return total + tau * variation(x, stem.spread) if tau else total

        return loss

    def misfit(self, x: Tensor) -> float:
        """Relative misfit of the pooled output."""
        return finish.misfit(self.stem, self.pooled, self.active, x)


def descend(loss: Callable[[Tensor], Tensor], x: Tensor, iterations: int) -> Tensor:
    """L-BFGS from x; x itself where that leaves the numbers."""
    y = x.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [y], max_iter=iterations, max_eval=iterations * 5 // 4, history_size=30, tolerance_grad=0, tolerance_change=0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss(y)
        value.backward()
        return value

    optimiser.step(closure)
    found = y.detach()
    return found if bool(torch.isfinite(found).all()) else x
