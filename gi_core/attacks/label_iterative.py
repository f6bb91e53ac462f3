"""Labels of a batch by turns: counts n, a mean feature h_c and mean outputs s_c of every class that is there.

With pi = n / N and one feature vector for each class,
    dL/dW = sum_c pi_c (s_c - e_c) h_c^T,   dL/db = sum_c pi_c s_c - pi,   s_c = s(W h_c + b).
Given pi and s, the first is linear in H (least squares, drawn slightly to the guessed mean feature); H gives s; the
second gives n = N (sum_c pi_c s_c - dL/db), rounded to N pictures. Exact where no label repeats, else as good as pictures
of one class are alike. After Ma et al., Instance-wise Batch Label Restoration via Gradients, ICLR 2023; the alternation,
the starts and their choice by the residual of both equations are this project's. A class that is not there takes the
batch's mean outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.label_guesses import Guess, Head, guesses
from gi_core.attacks.label_reading import counted, listed, outputs, shown, sure
from gi_core.federated.types import Knowledge, Update
from gi_core.spec.check import ONE_OUTPUT

ROUNDS = 20
RIDGE = 1e-3
"""Pull of the guessed feature, as a share of the mean square that the equations have."""


def iterated(update: Update, knowledge: Knowledge) -> Tensor:
    """Labels (N,), ascending. Raises Refused without a bias, and for one logit."""
    if knowledge.classes == 1:
        raise Refused(ONE_OUTPUT)
    weight, bias = shown(update, knowledge)
    if bias is None:
        raise Refused("iterative labels need a last layer with a bias: choose row_sum, known or joint labels")
    if not float(weight.norm()) or not float(bias.norm()):
        raise Refused("the last layer's gradient is zero, so no label can be read from it")
    found, head = guesses(knowledge)
    search = _Search(weight, bias, head, found, update.images, knowledge)
    return listed(min((search.run(guess) for guess in search.starts), key=lambda t: t[0])[1])


class _Search:
    """The two equations, with features in the span of dL/dW's rows and the guesses: K + 3 numbers for any D."""

    def __init__(self, weight: Tensor, bias: Tensor, head: Head, found: list[Guess], images: int, knowledge: Knowledge):
        lengths = [weight / weight.norm(), *(g.features[None] / max(float(g.features.norm()), 1e-300) for g in found)]
        basis = torch.linalg.qr(torch.cat(lengths).T)[0]
        self.weight, self.bias, self.images = weight @ basis, bias, images
        self.head, self.offset, self.outputs = head.weight @ basis, head.bias, outputs(knowledge)
        self.starts = [Guess(g.outputs, g.features @ basis) for g in found]
        self.least = sure(bias, images, knowledge)

    def run(self, guess: Guess) -> tuple[float, Tensor]:
        """(relative residual, counts) of the best of the rounds from one guess."""
        means, mean = guess.outputs[None].repeat(len(self.bias), 1), guess.outputs
        counts = counted(self.images * (mean - self.bias), self.images, self.least)
        best = float("inf"), counts
        for _ in range(ROUNDS):
            means, mean, residual = self._refined(counts, means, guess.features)
            if not residual < float("inf"):
                break
            best = min(best, (residual, counts), key=lambda t: t[0])
            counts = counted(self.images * (mean - self.bias), self.images, self.least)
        return best

    def _refined(self, counts: Tensor, means: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, float]:
        """Counts (K,) and outputs of every class (K, K) to better outputs, their mean (K,), and the residual."""
        there = counts.nonzero()[:, 0]
        share = (counts.double() / self.images)[there]
        one = torch.eye(len(counts), dtype=torch.float64)[there]
        pull = ((means[there] - one) * share[:, None]).T
        square = pull.T @ pull
        ridge = RIDGE * float(square.diagonal().mean()) + 1e-30
        rest = pull.T @ (self.weight - pull.sum(1)[:, None] * centre)
        features = centre + torch.linalg.solve(square + ridge * torch.eye(len(there), dtype=torch.float64), rest)
        own = self.outputs(features @ self.head.T + self.offset)
        mean = (own * share[:, None]).sum(0)
        means = mean[None].repeat(len(counts), 1)
        means[there] = own
        pull = ((own - one) * share[:, None]).T
        off = float((pull @ features - self.weight).norm() / self.weight.norm())
        return means, mean, off + float((mean - counts / self.images - self.bias).norm() / self.bias.norm())
