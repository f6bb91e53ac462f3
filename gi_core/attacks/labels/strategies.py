"""Labels that the server reads from the update itself.

dL/dz_k = p_k - 1[k = c] is negative only for the true class c, and the last dense layer shows it:
its bias gradient is dL/dz, and row k of its weight gradient is dL/dz_k times the features. With one
logit, dL/dz is negative for a positive label. Batches are read by `labels.sums` and `labels.iterative`.
"""

from __future__ import annotations

from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.labels.client_reading import label_by_logits, several_labels
from gi_core.attacks.labels.guesses import Guesses
from gi_core.attacks.labels.iterative import iterated
from gi_core.attacks.labels.last_layer import last_gradients, sent
from gi_core.attacks.labels.sums import bias_counts, row_counts
from gi_core.networks.losses import as_labels
from gi_core.settings.client_checks import SEVERAL_OF_SEVERAL
from gi_core.types.updates import Knowledge, Update


def row_sign(update: Update, knowledge: Knowledge) -> Tensor:
    """iDLG: c = argmin_k sum_j dL/dW[k, j]; right when the features are not negative. (1,) int64."""
    weight, _ = last_gradients(update, knowledge, ("weight",))
    return as_labels(-weight.sum(1)[None])


def bias_sign(update: Update, knowledge: Knowledge) -> Tensor:
    """c = argmin_k dL/db[k], whatever the features' signs. (1,) int64."""
    return as_labels(-observed_delta(update, knowledge)[None])


def observed_delta(update: Update, knowledge: Knowledge) -> Tensor:
    """dL/dz, read from the last bias gradient of a single picture. (K,) Raises Refused."""
    if update.images != 1:
        raise Refused(f"dL/dlogits is that of one picture, and this update is of {update.images}: choose known labels")
    _, bias = last_gradients(update, knowledge, ("bias",))
    if bias is None:
        raise Refused("the last layer has no bias, so dL/dlogits is not in the update: choose known or idlg labels")
    return bias


def unit_delta(update: Update, knowledge: Knowledge) -> tuple[Tensor, float]:
    """delta = dL/dz scaled to length one, float64 (K,), and its length. Raises Refused."""
    delta = observed_delta(update, knowledge).double()
    size = float(delta.norm())
    if not 0.0 < size < float("inf"):
        raise Refused("the last bias gradient is zero or not finite, so dL/dlogits cannot be read from it")
    return delta / size, size


def automatic(update: Update, knowledge: Knowledge) -> str:
    """The strategy of `auto`: bias_sign for one picture, iterative for several; by rows without a bias, and by the bias
    where only that was sent.
    """
    rows, biased = sent(update, knowledge)
    if update.images == 1:
        return "bias_sign" if biased else "idlg"
    if not biased:
        return "row_sum"
    weighted = knowledge.terms.weights is not None  # its equations take all pictures to weigh alike
    return "bias_sign" if knowledge.classes == 1 or not rows or weighted else "iterative"


def hard_labels(strategy: str, update: Update, knowledge: Knowledge, guessed: Guesses | None = None) -> Tensor:
    """(N,) int64 by `known`, `idlg`, `bias_sign`, `row_sum`, `iterative` or `auto`. Raises Refused.

    update: in a gradient's units, so a weight change divided by -learning rate * steps. What is read from a batch is in
    ascending order. Of one picture idlg, bias_sign and auto need no scale. guessed: what `guesses` found, if known.
    """
    if strategy == "known":
        if knowledge.labels is None:
            raise Refused("the server does not know the labels: choose another label strategy")
        return knowledge.labels
    if knowledge.loss == "own":
        raise Refused(
            "labels are not read from the update of a loss of your own: give labels, or of one picture choose observed_delta"
        )
    if knowledge.loss == "multi_label" and update.images > 1:
        raise Refused(SEVERAL_OF_SEVERAL)
    if strategy == "auto":
        strategy = automatic(update, knowledge)
    if strategy == "idlg" and update.images != 1:
        raise Refused(
            f"label strategy idlg reads one label, and this update is of {update.images} pictures: choose auto"
        )
    if knowledge.loss == "multi_label":
        return several_labels(observed_delta(update, knowledge))
    if update.images == 1 and knowledge.terms.smoothing:  # it can turn the signs round
        found = label_by_logits(update, knowledge)
        if found is not None:
            return found
    if strategy == "idlg" or (strategy == "bias_sign" and update.images == 1):
        return {"idlg": row_sign, "bias_sign": bias_sign}[strategy](update, knowledge).cpu()
    return BATCHES[strategy](update, knowledge, guessed)


BATCHES = {"bias_sign": bias_counts, "row_sum": row_counts, "iterative": iterated}
