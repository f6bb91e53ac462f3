"""What marks on the frontier's chart mean: shape and colour of a kind, error bars, pairs, and the key to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gi_core.analysis.frontier import Point
from gi_core.figures import marks
from pages.shared import words
from pages.shared.result import charts

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def bars(p: Point) -> dict[str, Any]:
    """One standard deviation over pictures and over seeds, as a cross; broken by a gap."""
    y, dy = 100 * (p.accuracy or 0.0), 100 * (p.std or 0.0)
    cross = [
        [p.leakage - p.spread, y],
        [p.leakage + p.spread, y],
        [None, None],
        [p.leakage, y - dy],
        [p.leakage, y + dy],
    ]
    return {
        "type": "line", "data": cross, "symbol": "none", "silent": True, "z": 2, "tooltip": {"show": False},
        "lineStyle": {"color": marks.colour(p.kinds), "width": 1.2, "opacity": 0.6},
    }  # fmt: skip


def joined(name: str, found: Sequence[Point]) -> dict[str, Any]:
    pair = [[p.leakage, 100 * (p.accuracy or 0.0)] for p in found if p.name == name]
    return {
        "type": "line", "data": pair, "symbol": "none", "silent": True, "z": 1, "tooltip": {"show": False},
        "lineStyle": {"color": charts.GREY, "width": 1, "type": [2, 3]},
    }  # fmt: skip


def legend(found: Sequence[Point], best: dict[str, str]) -> str:
    """HTML: sign and colour of each kind; what filled, hollow and ringed mean; the ringed settings by their letters.

    best: name of a setting that no other one beats -> its letter in the chart.
    """
    kinds = sorted({p.kinds for p in found}, key=lambda k: (k != marks.NONE, marks.title(k)))
    parts = [
        f'<span><i aria-hidden="true" style="color:{marks.colour(k)}">{marks.SHAPES[marks.shape(k, kinds)]}</i>'
        f" {words.escape(marks.title(k))}</span>"
        for k in kinds
    ]
    legend = ["Filled: the attacker knows the defense", "Hollow: it does not", "Bars: one standard deviation"]
    ringed = [f"<span><b>{letter}</b> {words.escape(name)}</span>" for name, letter in best.items()]
    lines = ["".join(parts), "".join(f"<span>{text}</span>" for text in legend)]
    if ringed:
        lines.append(f"<span>Ringed, beaten by no other:</span>{''.join(ringed)}")
    return "".join(f'<p class="gi-frontier-key">{line}</p>' for line in lines)


def letters(best: Sequence[Point]) -> dict[str, str]:
    """Setting -> a letter short enough for the chart, by falling accuracy."""
    order = sorted(best, key=lambda p: (-(p.accuracy or 0.0), p.name))
    return {p.name: LETTERS[k % 26] + (str(k // 26) if k >= 26 else "") for k, p in enumerate(order)}
