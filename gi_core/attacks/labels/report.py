"""Every strategy that reads labels from an update alone, side by side: what each finds, or why it does not apply."""

from __future__ import annotations

from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.attacks.labels.guesses import guesses
from gi_core.attacks.labels.last_layer import sent
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.types.updates import Knowledge, Update

STRATEGIES = ("idlg", "bias_sign", "row_sum", "iterative")
OF_ONE = ("idlg", "bias_sign")
"""Those that read one picture's label without asking the network."""
LARGE = 20_000_000
"""Parameters of a network whose answers to made-up pictures take seconds: it is not asked where a sign says the label."""
UNASKED = "a batch is read so; the label of one picture is a sign, and this network is too large to be asked for more"


def label_report(update: Update, knowledge: Knowledge) -> dict[str, Tensor | str]:
    """Strategy -> labels (N,) int64, or the sentence that refuses it. update: as it left the client."""
    update, knowledge = unscaled(update, knowledge)
    update = as_mean_gradient(update, knowledge.schedule, knowledge.model)
    alone = (
        update.images == 1
        and sent(update, knowledge)[1]
        and sum(p.numel() for p in knowledge.model.parameters()) > LARGE
    )
    try:
        guessed = None if alone else guesses(update, knowledge)
    except Refused as refusal:
        return dict.fromkeys(STRATEGIES, str(refusal))
    found: dict[str, Tensor | str] = dict.fromkeys(STRATEGIES, UNASKED)
    for name in OF_ONE if alone else STRATEGIES:
        try:
            found[name] = hard_labels(name, update, knowledge, guessed)
        except Refused as refusal:
            found[name] = str(refusal)
    return found
