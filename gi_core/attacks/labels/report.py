"""Every strategy that reads labels from an update alone, side by side: what each finds, or why it does not apply."""

from __future__ import annotations

from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.attacks.labels.guesses import guesses
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.types.updates import Knowledge, Update

STRATEGIES = ("idlg", "bias_sign", "row_sum", "iterative")


def label_report(update: Update, knowledge: Knowledge) -> dict[str, Tensor | str]:
    """Strategy -> labels (N,) int64, or the sentence that refuses it. update: as it left the client."""
    update, knowledge = unscaled(update, knowledge)
    update = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    try:
        guessed = guesses(update, knowledge)
    except Refused as refusal:
        return dict.fromkeys(STRATEGIES, str(refusal))
    found: dict[str, Tensor | str] = {}
    for name in STRATEGIES:
        try:
            found[name] = hard_labels(name, update, knowledge, guessed)
        except Refused as refusal:
            found[name] = str(refusal)
    return found
