"""What came of a setting's runs, as the claims of it ask: the sweep's rows with the attacker's own loss."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from gi_core import __version__
from gi_core.experiments.sweeps import table
from gi_core.jobs import sweeps
from gi_core.jobs.store import Store
from gi_core.reproductions.claims import Budget, Claim
from gi_core.reproductions.pictures import Chosen
from gi_core.reproductions.verdicts import Measured, measured


def rows(store: Store, sweep: str) -> list[dict[str, Any]]:
    """A row for each experiment, as a sweep's table has it, and `loss`, the attacker's own at the end. Raises SpecError."""
    found = []
    for row, entry in zip(table.records(store, sweep), sweeps.members(store, sweep), strict=True):
        result = entry.job.run_result if entry.job else None
        attacker = result["attacker"] if result else None
        found.append(
            row | {"loss": attacker["loss"] if attacker else None, "device": result["device"] if result else None}
        )
    return found


def answers(
    store: Store, sweep: str, claims: Iterable[Claim], pictures: Chosen, budget: Budget, whole: bool = True
) -> dict[str, Measured]:
    """Id of a claim -> what the sweep's runs say of it. whole: whether the published effort was spent. Raises SpecError for an
    unknown sweep.
    """
    held = rows(store, sweep)
    defended = bool(sweeps.sweep_of(store, sweep).base.defenses)
    devices = sorted({row["device"] for row in held if row["device"]})
    return {
        claim.id: measured(
            claim, held, own=pictures.own, whole=whole, defended=defended, sweep=sweep, data=pictures.title, budget=budget, device=" and ".join(devices) or "none",
            date=datetime.now(UTC).date().isoformat(), version=__version__,
        )
        for claim in claims
    }  # fmt: skip
