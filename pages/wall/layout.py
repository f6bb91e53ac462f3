"""A sweep over attacks and defenses as a table: which experiment stands in which cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from gi_core.figures import marks
from gi_core.jobs.sweep_questions import experiments
from gi_core.settings.controls import CONTROLS
from gi_core.settings.sweep import Sweep
from pages.shared.experiment.defenses import naming

NAIVE, KNOWING = False, True
T = TypeVar("T")


@dataclass(frozen=True)
class Layout:
    """columns, rows: titles, in order. kinds: of the rows' defenses. places: (row, column, whether the attacker knows) -> position in the sweep."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    places: dict[tuple[int, int, bool], int]
    kinds: tuple[str, ...] = ()

    @property
    def both(self) -> bool:
        """Whether some experiment is by an attacker who knows."""
        return any(knows for _, _, knows in self.places)

    def entry(self, entries: Sequence[T], row: int, column: int, knows: bool) -> T | None:
        """The experiment there, of a sweep's in order; where there is no defense to know, it is the naive one."""
        place = self.places.get((row, column, knows), self.places.get((row, column, NAIVE)))
        return entries[place] if place is not None and place < len(entries) else None


def layout(sweep: Sweep) -> Layout:
    """The layout by what each experiment asks, in the order in which attacks and defenses first come. Raises SpecError."""
    columns: dict[str, str] = {}
    rows: dict[str, str] = {}
    kinds: dict[str, str] = {}
    places: dict[tuple[int, int, bool], int] = {}
    for member in experiments(sweep):
        e = member.experiment
        plain = e.attack.model_copy(update={"adaptive": False})
        columns.setdefault(plain.name, e.attack.title)
        control = CONTROLS.get(e.control)
        key = control[0] if control else " ".join(d.name for d in e.defenses)
        rows.setdefault(key, control[0] if control else naming.named(e.defenses))
        kinds.setdefault(key, " + ".join(d.kind for d in e.defenses) or marks.NONE)
        column = list(columns).index(plain.name)
        row = list(rows).index(key)
        places[row, column, e.attack.adaptive] = member.position
    return Layout(tuple(columns.values()), tuple(rows.values()), places, tuple(kinds.values()))
