"""What marks on the frontier's chart mean: shape and colour of a kind, error bars, pairs, and the key to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gi_core.analysis.frontier import Point
from gi_core.analysis.frontier.points import NONE
from pages.components.curves import COLOURS
from pages.components.influence import charts

_SIGNS = {"circle": "●", "rect": "■", "triangle": "▲", "diamond": "◆", "arrow": "➤", "roundRect": "▢"}
_SHAPES = tuple(_SIGNS)


def colour(kind: int) -> str:
    """Of the kind of that number."""
    return COLOURS[kind % 6]


def shape(kind: int) -> str:
    """Shifted after six, so that no two of 36 kinds have both shape and colour."""
    return _SHAPES[(kind + kind // 6) % 6]


def bars(p: Point, kind: int) -> dict[str, Any]:
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
        "lineStyle": {"color": colour(kind), "width": 1.2, "opacity": 0.6},
    }  # fmt: skip


def joined(name: str, found: Sequence[Point]) -> dict[str, Any]:
    pair = [[p.leakage, 100 * (p.accuracy or 0.0)] for p in found if p.name == name]
    return {
        "type": "line", "data": pair, "symbol": "none", "silent": True, "z": 1, "tooltip": {"show": False},
        "lineStyle": {"color": charts.GREY, "width": 1, "type": [2, 3]},
    }  # fmt: skip


def legend(found: Sequence[Point]) -> str:
    """HTML: sign and colour of each kind; what filled, hollow and ringed mean."""
    kinds = list(dict.fromkeys(p.kinds for p in found))
    parts = [
        f'<span><i style="color:{colour(k)}">{_SIGNS[shape(k)]}</i>'
        f" {'no defense' if kind == NONE else kind.replace('_', ' ')}</span>"
        for k, kind in enumerate(kinds)
    ]
    parts += ["<span>filled: knows the defense</span>", "<span>hollow: takes it for plain</span>"]
    parts += ["<span>◯ dashed: beaten by no other</span>", "<span>bars: one standard deviation</span>"]
    return f'<p class="gi-frontier-key">{"".join(parts)}</p>'
