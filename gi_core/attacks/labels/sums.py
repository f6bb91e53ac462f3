"""Labels of a batch from sums: n_k = N (s_bar_k - dL/db_k), or of the weight gradient's rows where there is no bias.

Rows: r_k = sum_j dL/dW_kj = a (s_bar_k - n_k / N), a the mean sum of features, so each picture of class k adds the
impact -a / N. Zhao et al. 2020 (one picture); Yin et al., GradInversion, CVPR 2021 (rows with a negative entry);
Wainakh et al., LLG, PETS 2022 (impact and offset of each class). s_bar is guessed from made-up pictures, the guess kept
whose estimate is nearest to whole pictures.
"""

from __future__ import annotations

from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.labels.guesses import Guesses, guesses
from gi_core.attacks.labels.last_layer import counted, expected, listed, present, shares, shown, sure
from gi_core.types.updates import Knowledge, Update

ROUNDS = 20


def bias_counts(update: Update, knowledge: Knowledge, guessed: Guesses | None = None) -> Tensor:
    """Labels (N,), ascending, by sign and magnitude of the last bias gradient. Raises Refused."""
    _, bias = shown(update, knowledge, ("bias",))
    if bias is None:
        raise Refused("the last layer has no bias gradient to read labels from: choose row_sum, known or joint labels")
    images, tried = update.images, []
    least = sure(bias, images, knowledge)
    for guess in (guessed or guesses(update, knowledge))[0]:
        estimate = shares(guess.outputs, bias, images, knowledge)
        counts = counted(estimate, images, least)
        tried.append((float((estimate - counts).norm()), counts))
    return listed(min(tried, key=lambda t: t[0])[1])


def row_counts(update: Update, knowledge: Knowledge, guessed: Guesses | None = None) -> Tensor:
    """Labels (N,), ascending, from the sums of rows of the last weight gradient. Raises Refused."""
    weight, _ = shown(update, knowledge, ("weight",))
    sums, images, tried = weight.sum(1), update.images, []
    found, head = guessed or guesses(update, knowledge)
    least = present(weight, head.positive, knowledge)
    for guess in found:
        impact = float(guess.features.sum())
        if impact > 0:
            tried.append(_settled(sums, guess.outputs, impact, images, least, knowledge))
    if not tried:
        raise Refused(
            "the features before the last layer do not add up to anything positive, so row sums show no label:"
            " choose bias_sign, iterative, known or joint labels"
        )
    return listed(min(tried, key=lambda t: t[0])[1])


def _settled(
    sums: Tensor, outputs: Tensor, impact: float, images: int, least: Tensor, knowledge: Knowledge
) -> tuple[float, Tensor]:
    """(relative residual, counts), alternating between counts and impact, the impact by least squares over all rows."""
    for _ in range(ROUNDS):
        counts = counted(shares(outputs, sums / impact, images, knowledge), images, least)
        pull = expected(outputs, counts, knowledge)
        better = float(sums @ pull) / max(float(pull @ pull), 1e-300)
        if better <= 0 or abs(better - impact) <= 1e-9 * impact:
            break
        impact = better
    return float((sums - impact * pull).norm()) / max(float(sums.norm()), 1e-300), counts
