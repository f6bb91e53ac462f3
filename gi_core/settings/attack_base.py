"""What every attack has, and what every attack that iterates has."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from gi_core.settings.base import Component, setting
from gi_core.settings.defense_base import Perturbation

Labels = Literal["known", "auto", "idlg", "bias_sign", "row_sum", "iterative", "joint", "observed_delta"]
LABELS_HELP = (
    "Where the labels come from. known: by the server. Read from the last layer: auto (the best below), idlg (one picture), bias_sign,"
    " row_sum (no bias needed), iterative (batches with repeats). joint: optimised too. observed_delta: none needed (one picture)."
)
Start = Literal["randn", "rand", "uniform", "zeros", "grey"]
AnyStart = Literal["auto", "randn", "rand", "uniform", "zeros", "grey", "prior"]
START_HELP = "Start of a trial: normal, U(-1,1), U(0,1) pixels, zeros or mid-grey."

KNOWN: frozenset[Perturbation] = frozenset(get_args(Perturbation)) - {"opaque"}
"""Perturbations that `attacks.adaptive` can describe."""


class AttackSettings(Component):
    """Every attack has `trials`, answers that are shown beside one another, and `iterations`, the most steps (0: the network decides).

    machine: module and class of what attacks so, in `gi_core.attacks`. typical: iterations after which an attack that stops
    by itself usually has; None: it uses them all. allows: perturbations for which it allows where it knows of the defense; none unless it says so.
    stacks: whether it takes several updates of the same pictures together.
    """

    machine: ClassVar[str] = ""
    typical: ClassVar[int | None] = None
    allows: ClassVar[frozenset[Perturbation]] = frozenset()
    stacks: ClassVar[bool] = False

    if TYPE_CHECKING:  # fields of every kind itself, with bounds and defaults of its own

        @property
        def labels(self) -> str: ...
        @property
        def trials(self) -> int: ...
        @property
        def iterations(self) -> int: ...

    adaptive: bool = setting(
        False,
        "The attacker knows which defenses the client uses, and what a server would know of them: mask, noise level,"
        " levels, bottleneck. Without it, the update is taken for plain.",
        title="Knows the defenses",
    )

    @property
    def made_by(self) -> str:
        """Module and class of the machine with these settings."""
        return self.machine

    @property
    def prior_picture(self) -> str | None:
        """The picture that the server takes to be like the private one, of a kind that has a setting for it."""
        return getattr(self, "prior", None)

    @property
    def double(self) -> bool:
        """Whether it computes in double precision."""
        return getattr(self, "precision", "float64") == "float64"

    @property
    def local_rounds(self) -> str:
        """How local steps are played: as the setting `rounds` of a matching says, or `auto`."""
        return getattr(self, "rounds", "auto")

    @property
    def averages(self) -> bool:
        """Whether its answer is made of all trials, which takes their scores."""
        return False

    def unmoved(self, by: Perturbation, masked: bool) -> str | None:
        """Why it does the same whether or not it knows of a perturbation; None where it does not. masked: whether the
        update is that of one picture, and nothing but clearing was done to it.
        """
        if by not in self.allows:
            return "it does not allow for what this defense does to an update"
        if by == "mixture" and self.labels != "known":
            return "only the mixed labels are known of it, and this attack is not given labels"
        return None


class Iterative(AttackSettings):
    """Attacks that start somewhere and improve."""

    trials: int = setting(
        1, "Independent starts, judged by the attacker's own loss.", title="Trials", ge=1, le=64, basic=True
    )
    iterations: int = setting(300, "Most iterations.", title="Iterations", ge=1, le=100_000, basic=True)
    restarts: int | None = setting(
        None,
        "Fresh starts for a trial that diverges or turns NaN; empty: 8, and none with one trial. With none a trial goes on to"
        " the end, as published.",
        title="Restarts after divergence",
        ge=0,
        le=1000,
    )
