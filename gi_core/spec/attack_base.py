"""What every attack has, and what every attack that iterates has."""

from __future__ import annotations

from gi_core.spec.base import Component, setting


class AttackSettings(Component):
    """Has `trials`, answers shown beside one another, and `iterations`, most steps (0: the network decides)."""


class Iterative(AttackSettings):
    """Attacks that start somewhere and improve."""

    trials: int = setting(
        1, "Independent starts, judged by the attacker's own loss.", title="Trials", ge=1, le=64, basic=True
    )
    iterations: int = setting(300, "Most iterations.", title="Iterations", ge=1, le=100_000, basic=True)
    restarts: int | None = setting(
        None,
        "Fresh starts for a trial that diverges or turns NaN; empty: none with one trial, else 8.",
        title="Restarts after divergence",
        ge=0,
        le=1000,
    )
