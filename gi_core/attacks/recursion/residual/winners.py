"""Who won in each window of the pooling, told by the first layer's own gradient.

G_c = sum_w D_w patch(winner of w): another winner changes it by D_w (patch' - patch). Of the windows whose candidates are
close, those are changed one after another that take most off |G_c - sum|, as long as a change takes off its share.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.recursion.residual.shallow import Stem

CLOSE = 8.0
"""Times the usual misfit of a window within which a candidate's value counts as close to what the window is to reach."""
SHARE = 0.15
"""Of a filter's squared residual that a change of winner has to take off."""
MOST = 30
"""Changes of winners of a filter in a round."""


def likely(stem: Stem, among: Tensor, x: Tensor) -> Tensor:
    """The winners (C, windows) of a picture, as indices into the windows, among the candidates."""
    return stem.in_windows(stem.maps(stem.patches(x))).masked_fill(~among, float("-inf")).argmax(2)


def settled(
    stem: Stem, pooled: Tensor, active: Tensor, back: Tensor, among: Tensor, x: Tensor
) -> tuple[Tensor, Tensor]:
    """Winners (C, windows), and which of them (bool) the gradient chose."""
    patches = stem.patches(x)
    z = stem.maps(patches)
    held = stem.in_windows(z).masked_fill(~among, float("-inf"))
    winner, places = held.argmax(2), stem.windows.places.clamp_min(0)
    missed = (held.amax(2) - pooled)[active]
    usual = max(float((missed**2).mean() ** 0.5) if len(missed) else 0.0, 1e-14)
    close = among & active[:, :, None] & ((held - pooled[:, :, None]).abs() < CLOSE * usual)
    dealt = stem.dealt(torch.nn.functional.one_hot(winner, held.shape[2]).to(held.dtype), back * active)
    left = -stem.misfit(dealt, patches, z)
    changed = torch.zeros_like(active)
    for c in range(len(winner)):
        at, to = torch.nonzero(close[c], as_tuple=True)
        towards = patches[:, places[at, to]] * (back[c, at] / stem.gradient_size[c])
        for _ in range(MOST):
            now = patches[:, places[at, winner[c, at]]] * (back[c, at] / stem.gradient_size[c])
            steps = towards - now
            gain = 2 * (left[c] @ steps) - (steps**2).sum(0)
            if not len(gain) or float(gain.max()) < SHARE * float((left[c] ** 2).sum()):
                break
            best = int(gain.argmax())
            winner[c, at[best]] = to[best]
            changed[c, at[best]] = True
            left[c] -= steps[:, best]
    return winner, changed
