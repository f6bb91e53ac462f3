"""The attack that chooses attacks, as settings."""

from __future__ import annotations

from typing import ClassVar, Literal

from gi_core.settings.attack_base import KNOWN, AttackSettings
from gi_core.settings.base import setting
from gi_core.settings.defense_base import Perturbation

SECOND_ORDER = 3 * 64 * 64
"""Most values of the pictures that its second-order steps are tried on: one takes up to 200 products with the Jacobian."""


class Auto(AttackSettings):
    """Its members have settings of their own, which the update and the network decide."""

    kind: Literal["auto"] = "auto"
    machine: ClassVar[str] = "ensemble.machine:Ensemble"
    title: ClassVar[str] = "The strongest that applies"
    description: ClassVar[str] = (
        "Reads the update, tries every closed form that applies, then the searches that fit, each from the best picture so far,"
        " and keeps the answer that explains the update best. It has nothing to tune."
    )
    paper: ClassVar[str] = "this project, after Croce and Hein, AutoAttack, ICML 2020"
    link: ClassVar[str] = "https://arxiv.org/abs/2003.01690"
    allows: ClassVar[frozenset[Perturbation]] = KNOWN
    stacks: ClassVar[bool] = True
    trials: ClassVar[int] = 1

    iterations: int = setting(
        4800,
        "Budget of the searches together, in gradients of the network: half of it is for second-order steps where they apply,"
        " and the rest for gradient matching. Closed forms come first and take none of it.",
        title="Budget", ge=1, le=100_000, basic=True,
    )  # fmt: skip
    labels: Literal["infer", "known"] = setting(
        "infer", "Read the labels from the update, or take them as known by the server.", title="Labels"
    )
    prior: str | None = setting(
        None, "A picture that the server takes to be like the private one, for the members that can use one.",
        title="Prior picture",
    )  # fmt: skip

    @property
    def double(self) -> bool:
        """Each member computes in the precision of its own."""
        return False
