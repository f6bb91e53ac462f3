"""The comparison wall as a table: an attack in each column, a defense in each row, how much leaks in each cell."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.figures import marks
from gi_core.figures.drawing import WIDTH, Drawing, short, text
from gi_core.figures.themes import GREY, INK, LEVELS, pale
from gi_core.metrics.registry import METRICS, shown
from gi_core.metrics.words import of_row
from gi_core.settings.controls import CONTROLS
from gi_core.settings.registry import ATTACKS

_SIGNS = {"exposed": "●", "partly": "◐", "protected": "○", "": "–"}
KNOWS = ", which knows the defense,"
_ROW, _COLUMN, _TOP, _BOTTOM = 74, 108, 76, 30


def table(records: Sequence[Mapping[str, Any]], metric: str = "psnr") -> Drawing:
    """Score, sign and word of each experiment. records: rows of a sweep over attacks and defenses (`experiments/sweeps/table.py`).

    A cell stands in the colour of its level, and says it in a sign and a word. Of repeats the one that leaks most is shown.
    """
    columns = list(dict.fromkeys(map(_column, records)))
    order = [attack for attack, _ in columns]
    columns.sort(key=lambda column: (order.index(column[0]), column[1]))
    rows = list(dict.fromkeys(map(_given, records)))
    cells: dict[tuple[int, int], Mapping[str, Any]] = {}
    for row in records:
        place = rows.index(_given(row)), columns.index(_column(row))
        if place not in cells or _worse(row, cells[place], metric):
            cells[place] = row
    shapes, notes, hovers = [], [], []
    for (i, j), row in cells.items():
        level, said = reading(row)
        shade = LEVELS[level]
        shapes.append({
            "type": "rect", "x0": j - 0.47, "x1": j + 0.47, "y0": i - 0.45, "y1": i + 0.45, "layer": "below",
            "line": {"color": shade, "width": 2}, "fillcolor": pale(shade, 0.16),
        })  # fmt: skip
        score = shown(metric, row.get(metric)) if level else ""
        ssim = f"SSIM {row['ssim']:.2f}<br>" if level and metric != "ssim" and row.get("ssim") is not None else ""
        notes.append(_words(f"<b>{score}</b><br>{ssim}{_SIGNS[level]} {text(said).replace(', ', ',<br>')}", x=j, y=i))
        hovers.append(
            (j, i, f"{_attack(columns[j], columns)}{KNOWS * columns[j][1]} against {_named(rows[i])}: {said} {score}")
        )
    notes += [_words(_heading(c, columns), x=j, y=-0.5, yanchor="bottom", yshift=4) for j, c in enumerate(columns)]
    trace = {
        "type": "scatter", "mode": "markers", "uid": "cells", "name": "cells", "x": [h[0] for h in hovers], "y": [h[1] for h in hovers],
        "customdata": [text(h[2]) for h in hovers], "hovertemplate": "%{customdata}<extra></extra>", "marker": {"size": 30, "color": GREY, "opacity": 0},
    }  # fmt: skip
    still = {"showgrid": False, "zeroline": False, "fixedrange": True}
    layout = {
        "width": max(WIDTH, 220 + _COLUMN * len(columns)),
        "xaxis": {"range": [-0.5, len(columns) - 0.5], "showticklabels": False, **still},
        "yaxis": {
            "range": [len(rows) - 0.5, -0.5], "tickmode": "array", "tickvals": list(range(len(rows))), "ticklabelstandoff": 6,
            "ticktext": [text(short(_named(r), 28)) for r in rows], "tickfont": {"size": 12, "color": INK}, **still,
        },
        "shapes": shapes, "annotations": notes, "showlegend": False, "margin": {"t": _TOP}, "dragmode": False,
    }  # fmt: skip
    return Drawing(
        "wall", f"What each attack gets past each defense ({METRICS[metric].title})", "Score and verdict of each attack against each defense",
        [trace], layout, height=_TOP + _BOTTOM + _ROW * max(1, len(rows)),
    )  # fmt: skip


def reading(row: Mapping[str, Any]) -> tuple[str, str]:
    """(level, words) of a row: by the rule of `metrics/words.py`, its state where nothing was measured."""
    said = of_row(row) if row.get("state") == "done" else None
    return (said.level, said.label) if said else ("", str(row.get("state") or "not measured"))


def _given(row: Mapping[str, Any]) -> str:
    """What the row of the wall is: a defense, or a standing control."""
    control = CONTROLS.get(row.get("control") or "none")
    return control[0] if control else str(row["defenses"])


def _worse(row: Mapping[str, Any], than: Mapping[str, Any], metric: str) -> bool:
    """Whether more leaked of it."""
    a, b = row.get(metric), than.get(metric)
    return a is not None and (b is None or METRICS[metric].sign * (a - b) > 0)


def _column(row: Mapping[str, Any]) -> tuple[str, bool]:
    """The attack as written on a command line, and whether it knows the defense, which is not part of the name here."""
    kind, _, settings = str(row["attack_settings"]).partition(":")
    kept = [one for one in settings.split(",") if one and not one.startswith("adaptive=")]
    return ":".join(filter(None, (kind, ",".join(kept)))), bool(row["adaptive"])


def _attack(column: tuple[str, bool], columns: Sequence[tuple[str, bool]]) -> str:
    """Its title; as written where another column has the same."""
    kind = column[0].partition(":")[0]
    alike = {attack for attack, _ in columns if attack.partition(":")[0] == kind}
    return ATTACKS[kind].title if kind in ATTACKS and len(alike) == 1 else column[0]


def _heading(column: tuple[str, bool], columns: Sequence[tuple[str, bool]]) -> str:
    lines = textwrap.wrap(short(_attack(column, columns), 40), 16)
    return "<br>".join(map(text, lines)) + ("<br><i>knows the defense</i>" if column[1] else "")


def _named(defenses: str) -> str:
    return marks.title(defenses) if defenses == marks.NONE else defenses


def _words(words: str, **place: Any) -> dict[str, Any]:
    return {"text": words, "showarrow": False, "font": {"size": 12, "color": INK}, "align": "center"} | place
