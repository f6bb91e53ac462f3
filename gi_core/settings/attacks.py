"""Attacks as settings: all that a module `*_attacks` of this package has, compositions of objective, priors, optimiser,
labels and trials.

Label strategies: `known` (the server knows them), `joint` (soft labels optimised with the picture), `observed_delta`
(the last bias gradient is read as dL/dlogits: no label needed), or read from the last dense layer's gradient: `idlg` (row
sums of its weights, one picture), `bias_sign` (most negative entries of its bias, by sign and magnitude for a batch),
`row_sum` (row sums by magnitude, no bias needed), `iterative` (counts and features of each class by turns), `auto`
(bias_sign for one picture, iterative for several, idlg and row_sum where there is no bias).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from gi_core.settings.attack_base import AttackSettings
from gi_core.settings.closed_form_attacks import ClosedForm
from gi_core.settings.ensemble_attacks import Auto
from gi_core.settings.found import found
from gi_core.settings.matching_attacks import Dlg, InvertingGradients
from gi_core.settings.matching_base import Matching
from gi_core.settings.second_order_attacks import LevenbergMarquardt

__all__ = [
    "AnyAttack", "AttackSettings", "Auto", "ClosedForm", "Dlg", "InvertingGradients", "LevenbergMarquardt", "Matching",
]  # fmt: skip

_FIRST = (
    "ensemble_attacks",
    "matching_attacks",
    "second_order_attacks",
    "closed_form_attacks",
    "fl_attacks",
    "batch_attacks",
    "imprint_attacks",
    "partial_attacks",
)
if TYPE_CHECKING:
    AnyAttack = AttackSettings
else:
    AnyAttack = Annotated[Union[found(AttackSettings, "_attacks", _FIRST)], Field(discriminator="kind")]  # noqa: UP007
"""Modules in the order in which their attacks are listed; one that is not named here comes last."""
