"""Which loss a client trains with, and how data of many classes maps to one logit.

cross_entropy: -log softmax(z)_y. logistic: -log sigmoid(z) for a positive label, else -log sigmoid(-z).
mse: mean over the outputs of (z - t)^2, t one-hot, or 0 and 1 for one logit. multi_label: mean over the outputs of the
logistic loss, t 1 for every label that the picture has. own: a function that a Python program holds.
"""

from __future__ import annotations

from typing import Literal

Loss = Literal["cross_entropy", "logistic", "mse", "multi_label", "own"]
BINARY_NAMES = ("negative", "positive")


def chosen(asked: Loss | Literal["auto"], one_logit: bool, own: str = "") -> Loss:
    """`auto` is logistic for one logit, else cross-entropy. own: the reference of a loss in its place, if any."""
    if own:
        return "own"
    if asked != "auto":
        return asked
    return "logistic" if one_logit else "cross_entropy"


def binary(label: int, classes: int) -> int:
    """A class as the label of one logit: 1 for the middle three fifths of the classes, else 0.

    Of ten classes 2 to 7 are positive, R-GAP's split of CIFAR-10 into animals and machines; of two, class 1.
    """
    return int(classes <= 5 * label < 4 * classes)


def positive(classes: int) -> str:
    """The positive classes in words."""
    chosen_ = [k for k in range(classes) if binary(k, classes)]
    return (
        f"class {chosen_[0]}" if len(chosen_) == 1 else f"classes {chosen_[0]} to {chosen_[-1]}" if chosen_ else "none"
    )
