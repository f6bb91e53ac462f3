"""Doubtful units of a filter, told by the filter's own gradient once its input is known.

G[f] = sum_p m_p D_p patch_p(x): with the certain units' part taken off, least squares over the Cin k^2 values gives m_p
of the doubtful ones, about 0 or about 1.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from gi_core.attacks.recursion.residual.masks import Mask
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.graph import Conv


def settle(op: Conv, gradient: Array, mask: Mask, back: Array, x: Array) -> np.ndarray:
    """The mask (F, Ho, Wo) with doubtful units decided. gradient (F, Cin, k, k); back (F, Ho, Wo); x (Cin, H, W)."""
    picture = torch.from_numpy(np.maximum(x, 0.0))[None]
    patches = functional.unfold(picture, op.kernel, op.dilation, op.padding, op.stride)[0].numpy()  # (Cin k^2, P)
    active = mask.active.copy()
    for f in np.flatnonzero(mask.doubtful.any((1, 2))):
        doubtful = np.flatnonzero(mask.doubtful[f].ravel() & (back[f].ravel() != 0))
        k = (active[f] * back[f]).ravel()
        k[doubtful] = 0.0
        left = gradient[f].ravel() - patches @ k
        columns = patches[:, doubtful] * back[f].ravel()[doubtful]
        found = np.linalg.lstsq(columns, left, rcond=None)[0]
        active[f].ravel()[doubtful] = found > 0.5
    return active
