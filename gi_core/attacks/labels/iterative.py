"""Labels of a batch by alternation between counts n, a mean feature h_c and mean outputs s_c of every class that is there.

With pi = n / N and one feature vector for each class,
    dL/dW = sum_c pi_c (s_c - e_c) h_c^T,   dL/db = sum_c pi_c s_c - pi,   s_c = s(W h_c + b).
Given pi and s, the first is linear in H (least squares, drawn slightly to the guessed mean feature); H gives s; the
second gives n = N (sum_c pi_c s_c - dL/db), rounded to N pictures. A class that is not there takes the batch's mean
outputs. Classes that what the gradient spans excludes are left out (`labels.spanned`). Where the rounds do not agree, or explain little, and
the pictures are fewer than the classes, their counts and those one picture off, or all that are left if they are few, are judged
by `labels.fit`, with a feature for each picture. After Ma et al., Instance-wise Batch Label Restoration via
Gradients, ICLR 2023; the alternation, its starts and the judgement are this project's.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.labels.fit import LastLayer, misfit, smoothed
from gi_core.attacks.labels.guesses import Guess, Guesses, Head, guesses
from gi_core.attacks.labels.last_layer import counted, listed, present, shown, sure
from gi_core.attacks.labels.spanned import compositions, possible
from gi_core.attacks.labels.sums import bias_counts
from gi_core.settings.check import ONE_OUTPUT
from gi_core.types.updates import Knowledge, Update

ROUNDS = 20
MOST_FITTED, CANDIDATES = 16, 12
UNEXPLAINED = 1.0
"""Residual of both equations above which one feature for each class explains too little: the bias decides instead."""
EXPLAINED = 0.1
"""Residual above which counts are judged by `labels.fit` even where all rounds agree."""
RIDGE = 1e-3
"""Pull of the guessed feature, as a share of the mean square that the equations have."""


def iterated(update: Update, knowledge: Knowledge, guessed: Guesses | None = None) -> Tensor:
    """Labels (N,), ascending. Raises Refused without a bias, and for one logit."""
    if knowledge.classes == 1:
        raise Refused(ONE_OUTPUT)
    if knowledge.terms.weights is not None:
        raise Refused(
            "iterative labels take all classes to weigh alike, and this client weighs them: choose bias_sign, row_sum or"
            " known labels"
        )
    weight, bias = shown(update, knowledge)
    if bias is None:
        raise Refused("iterative labels need a last layer with a bias: choose row_sum, known or joint labels")
    if not float(weight.norm()) or not float(bias.norm()):
        raise Refused("the last layer's gradient is zero, so no label can be read from it")
    found, head = guessed = guessed or guesses(update, knowledge)
    search = _Search(weight, bias, head, found, update.images, knowledge)
    for start in range(len(search.starts)):
        search.run(start)
    best = min(search.seen, key=lambda counts: search.seen[counts][0])
    few = update.images <= MOST_FITTED and update.images < knowledge.classes
    doubtful = len(search.seen) > 1 or search.seen[best][0] > EXPLAINED
    if doubtful and few and all(float(g.features.norm()) for g in found):
        best = search.fitted()
    elif not few and not search.seen[best][0] < UNEXPLAINED:
        return bias_counts(update, knowledge, guessed)
    return listed(torch.tensor(best))


def least_of(weight: Tensor, bias: Tensor, positive: bool, images: int, knowledge: Knowledge) -> Tensor:
    """Pictures (K,) of each class that must be there, by both gradients."""
    return torch.maximum(sure(bias, images, knowledge), present(weight, positive, knowledge))


class _Search:
    """The two equations, with features in the span of dL/dW's rows and the guesses: few numbers for any D.

    seen: counts -> (relative residual, index of the guess that led there).
    """

    def __init__(self, weight: Tensor, bias: Tensor, head: Head, found: list[Guess], images: int, knowledge: Knowledge):
        rows = torch.linalg.svd(weight, full_matrices=False)[2][:images]  # its rank is at most the pictures'
        lengths = [rows, *(g.features[None] / max(float(g.features.norm()), 1e-300) for g in found)]
        basis = torch.linalg.qr(torch.cat(lengths).T)[0]
        self.weight, self.bias, self.images = weight @ basis, bias, images
        assert head.bias is not None
        self.smoothing = knowledge.terms.smoothing
        self.layer = LastLayer(
            head.weight @ basis, head.bias, self.weight, bias, knowledge.loss == "cross_entropy", self.smoothing
        )
        self.starts = [Guess(g.outputs, g.features @ basis) for g in found]
        self.least = least_of(weight, bias, head.positive, images, knowledge)
        self.allowed = possible(weight, bias, images, knowledge)
        self.seen: dict[tuple[int, ...], tuple[float, int]] = {}

    def run(self, start: int) -> None:
        """The rounds from one guess."""
        guess = self.starts[start]
        means, mean = guess.outputs[None].repeat(len(self.bias), 1), guess.outputs
        for _ in range(ROUNDS):
            counts = counted(self._estimate(mean), self.images, self.least, self.allowed)
            means, mean, residual = self._refined(counts, means, guess.features)
            key = tuple(counts.tolist())
            self.seen[key] = min(self.seen.get(key, (float("inf"), start)), (residual, start))
            if not residual < float("inf"):
                break

    def _estimate(self, mean: Tensor) -> Tensor:
        """N (s - dL/db), of labels that were smoothed."""
        e = self.smoothing
        share = mean - self.bias
        return self.images * (share if not e else (share - e / len(share)) / (1 - e))

    def fitted(self) -> tuple[int, ...]:
        """The counts of least misfit, among all that are possible, if few, else those seen and those that differ from the best of them by one
        picture.
        """
        every = None if self.allowed is None else compositions(self.allowed, self.least, self.images, 2 * CANDIDATES)
        if every is not None:
            starts = range(len(self.starts))
            return min(every, key=lambda counts: min(self._misfit(counts, start) for start in starts))
        order = sorted(self.seen, key=lambda counts: self.seen[counts][0])[:CANDIDATES]
        misfits = {counts: self._misfit(counts, self.seen[counts][1]) for counts in order}
        best = min(misfits, key=lambda counts: misfits[counts])
        start = self.seen[best][1]
        for counts in self._beside(best, self.starts[start].outputs):
            if len(misfits) < 2 * CANDIDATES and counts not in misfits:
                misfits[counts] = self._misfit(counts, start)
        return min(misfits, key=lambda counts: misfits[counts])

    def _misfit(self, counts: tuple[int, ...], start: int) -> float:
        return misfit(self.layer, listed(torch.tensor(counts)), self.starts[start].features)

    def _beside(self, counts: tuple[int, ...], mean: Tensor) -> Iterator[tuple[int, ...]]:
        """Counts with one doubtful picture in another class, the likeliest classes first."""
        likely = [
            int(k)
            for k in mean.argsort(descending=True)[:CANDIDATES]
            if float(mean[k]) > 0.05 / self.images and (self.allowed is None or bool(self.allowed[k]))
        ]
        for source in (k for k, n in enumerate(counts) if n > int(self.least[k])):
            for target in likely:
                if target != source:
                    yield tuple(n - (k == source) + (k == target) for k, n in enumerate(counts))

    def _refined(self, counts: Tensor, means: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, float]:
        """Counts (K,) and outputs of every class (K, K) to better outputs, their mean (K,), and the residual."""
        there = counts.nonzero()[:, 0]
        share = (counts.double() / self.images)[there]
        one = smoothed(torch.eye(len(counts), dtype=torch.float64), self.smoothing)[there]
        pull = ((means[there] - one) * share[:, None]).T
        square = pull.T @ pull
        ridge = RIDGE * float(square.diagonal().mean()) + 1e-30
        rest = pull.T @ (self.weight - pull.sum(1)[:, None] * centre)
        features = centre + torch.linalg.solve(square + ridge * torch.eye(len(there), dtype=torch.float64), rest)
        own = self.layer.outputs(features)
        mean = (own * share[:, None]).sum(0)
        means = mean[None].repeat(len(counts), 1)
        means[there] = own
        pull = ((own - one) * share[:, None]).T
        off = float((pull @ features - self.weight).norm() / self.weight.norm())
        return means, mean, off + float((mean - share @ one - self.bias).norm() / self.bias.norm())
