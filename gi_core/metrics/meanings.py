"""What the registry says of one metric, and how its values read. Nothing heavy is loaded here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, get_args

Place = Literal["lab", "pictures", "table", "chart", "frontier", "wall"]
"""lab: cards of a run, and its comparison. pictures: a line for each picture of a batch. table: a sweep's rows and files.
chart: what a sweep's chart and answer may be about. frontier, wall: scores that these pages offer."""
EVERYWHERE: frozenset[Place] = frozenset(get_args(Place))
_JUDGING = ("clear", "least")


@dataclass(frozen=True)
class Metric:
    """One entry of the registry.

    name: key in a result's `metrics` and `per_image`. unit: "" for a pure number. better: which direction is a better
    reconstruction, that is a worse leak. sentence: one line for a person. function: its dotted place, loaded when first
    used. takes: `pair`, f(a, b) -> number or None, a the answer clamped to [0, 1] and b its original, both (C, H, W)
    float64; or `batch`, f(Batch) -> Found or None (see `batch.py`). short: heading where there is little room.

    drawn: where it may be. rank: its place there, the most telling first; chart_rank: in a sweep's chart, where it differs.
    thresholds: `least`, the difference below which nothing is made of it, needed on the frontier; `alike`, above which a mean
    is not carried further; what the rule of `words.py` rests on. reads: `share` as a percentage, `count` without decimals. from_zero: whether its axis
    begins at zero. optional: measured only beside what few runs have, and left out where it is missing. note_missing:
    whether its note stands in place of a value. out_of: key in `metrics` of the number that it is one of. cites: what to cite
    for it, keys of `gi_core/reports/papers.bib`.
    """

    name: str
    title: str
    better: Literal["higher", "lower"]
    sentence: str
    function: str
    unit: str = ""
    takes: Literal["pair", "batch"] = "pair"
    short: str = ""
    drawn: frozenset[Place] = EVERYWHERE
    rank: int = 70
    chart_rank: int | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict, hash=False)
    reads: Literal["number", "count", "share"] = "number"
    from_zero: bool = False
    optional: bool = False
    note_missing: bool = False
    out_of: str = ""
    cites: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for an entry that a page could not draw."""
        if not self.name.isidentifier() or not self.title or not self.sentence.endswith("."):
            raise ValueError(f"metric {self.name!r} needs a name in letters, a title and a sentence")
        if self.better not in ("higher", "lower") or self.takes not in ("pair", "batch"):
            raise ValueError(f"metric {self.name!r}: better is higher or lower, takes is pair or batch")
        if not self.drawn <= EVERYWHERE:
            raise ValueError(f"metric {self.name!r} is drawn in {sorted(self.drawn - EVERYWHERE)}, which is no place")
        if "frontier" in self.drawn and "least" not in self.thresholds:
            raise ValueError(f"metric {self.name!r} is on the frontier and needs the threshold least")

    @property
    def heading(self) -> str:
        """Its title where there is little room."""
        return self.short or self.title

    @property
    def axis(self) -> str:
        """Its title with its unit, as an axis is named."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def column(self) -> str:
        """Its sentence for a column of a table, whose row may stand for several pictures."""
        return self.sentence if self.reads == "share" else f"{self.sentence} Mean over the pictures."

    @property
    def sign(self) -> int:
        """What a value is multiplied by, so that more of it is more exposed."""
        return 1 if self.better == "higher" else -1

    def load(self) -> Callable[..., Any]:
        """The function that measures it. Raises ImportError or AttributeError where there is none at its place."""
        module, _, name = self.function.rpartition(".")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function

    def shown(self, value: float | int | None) -> str:
        """A value as a person reads it, with its unit; `not measured` for None."""
        if value is None:
            return "not measured"
        if self.reads == "count":
            return f"{value:g}"
        if self.reads == "share":
            return f"{100 * value:.0f} %"
        return f"{value:.1f} {self.unit}" if self.unit else plain(value)


def plain(value: float) -> str:
    """A pure number, short."""
    return f"{value:.3f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.1e}"
