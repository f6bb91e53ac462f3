"""Which classes a batch can have, by what the last layer's gradient spans: one linear program for each class.

Each picture sends (s_n - e_{y_n}) [h_n, 1]^T, and s_n is a softmax: its vector over the classes is negative at its own label alone. With
U (K, N) a basis of the columns of [dL/dW, dL/db], class c can be there only if

    (U q)_c = -1,   (U q)_j >= 0 for all j other than c

has a solution q. This asks for no size: a picture that the network is sure of counts as any other, as long as it shows at all. It says
nothing from K - 1 pictures on, and is not asked where the rank is not N: then some picture does not show, or there is noise. After Dang et al.,
Revealing and Protecting Labels in Distributed Training, NeurIPS 2021.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from gi_core.attacks.client_round.local_steps import one_step
from gi_core.types.updates import Knowledge

SHOWN = 3e-7
"""Share of the largest singular value from which one is a picture's and not rounding, in single precision."""
ROUNDED = 6e-8
"""Rounding of a singular vector of the largest value."""


def possible(weight: Tensor, bias: Tensor, images: int, knowledge: Knowledge) -> Tensor | None:
    """(K,) whether a picture of each class can be there; None where that does not show. weight (K, D), bias (K,): dL/dW, dL/db."""
    terms = knowledge.terms
    plain = knowledge.loss == "cross_entropy" and terms.weights is None and not terms.smoothing
    if not plain or knowledge.defenses or not one_step(knowledge.schedule) or images >= len(bias) - 1:
        return None
    basis, sizes, _ = torch.linalg.svd(torch.cat([weight, bias[:, None]], 1).double().cpu(), full_matrices=False)
    if int((sizes > SHOWN * sizes[0]).sum()) != images:
        return None
    rounded = ROUNDED * float(sizes[0] / sizes[images - 1])
    spanned = basis[:, :images].numpy()
    return torch.tensor([_solvable(spanned, c, rounded) for c in range(len(bias))])


def _solvable(spanned: np.ndarray, c: int, rounded: float) -> bool:
    """Whether a combination of the columns is -1 at c and nowhere else below what rounding makes of zero."""
    count = spanned.shape[1]
    found = linprog(
        np.zeros(count), A_ub=-np.delete(spanned, c, axis=0), b_ub=np.full(len(spanned) - 1, rounded), A_eq=spanned[c : c + 1],
        b_eq=[-1.0], bounds=[(None, None)] * count, method="highs",
    )  # fmt: skip
    return bool(found.status != 2)  # of anything but a proof that there is none, it may be there


def compositions(allowed: Tensor, least: Tensor, images: int, most: int) -> list[tuple[int, ...]] | None:
    """All counts (K,) of so many pictures of the classes allowed, at least `least` of each; None where there are more than `most`."""
    classes = allowed.nonzero()[:, 0].tolist()
    found: list[tuple[int, ...]] = []

    def fill(place: int, left: int, counts: list[int]) -> bool:
        if place == len(classes) - 1:
            counts[classes[place]] += left
            found.append(tuple(counts))
            counts[classes[place]] -= left
            return len(found) <= most
        for more in range(left + 1):
            counts[classes[place]] += more
            within = fill(place + 1, left - more, counts)
            counts[classes[place]] -= more
            if not within:
                return False
        return True

    left = images - int(least.sum())
    if left < 0 or not classes or bool((least[~allowed] > 0).any()) or not fill(0, left, least.tolist()):
        return None
    return found
