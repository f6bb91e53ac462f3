"""What a sweep's table answers, in one sentence and its limits. No torch.

A choice says what is drawn: y against x, one line for each value of series. Everything else that varies (pictures,
seeds) is the spread.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.analysis.trends import Trend, trend
from gi_core.metrics.meanings import MEANINGS, shown
from gi_core.metrics.words import CLEAR_PSNR
from gi_core.runs.tables import COLUMNS
from gi_core.spec.registry import ATTACKS, MODELS
from gi_core.spec.sweep import Axis, Sweep

MEASURES = ("psnr", "ssim", "lpips", "mse", "iip_rank", "rdlv")
_MORE = ("pictures", "parameters", "epochs")  # columns that a sweep may vary without an axis of that name
_REPEATS = ("samples", "labels", "seed", "model.seed")
MOST_SERIES = 6


@dataclass(frozen=True)
class Choice:
    """Columns of the table; series is "" for one line."""

    x: str
    y: str = "psnr"
    series: str = ""


@dataclass(frozen=True)
class Answer:
    """claim: the one sentence. seen: where a person recognises the pictures, or "". limits: what it holds for."""

    claim: str
    seen: str
    limits: str
    trends: dict[str, Trend]


def column(axis: Axis) -> str:
    """The axis's column in the table."""
    return f"{axis.name} (axis)" if axis.name in COLUMNS else axis.name


def default(sweep: Sweep) -> Choice:
    """The first axis across; the second in lines, unless it only repeats. Networks stand by their parameters."""
    asked = [axis for axis in sweep.axes if len(set(_labels(axis))) > 1]
    if not asked:
        return Choice("position")
    first, rest = asked[0], asked[1:]
    if _paths(first) <= {"model"} and not all(map(_number, _labels(first))):
        kinds = {str(v).partition(":")[0] if isinstance(v, str) else str(v.get("kind")) for v in first.values}
        return Choice("parameters", series="model" if len(kinds) > 1 else "")
    lines = [a for a in rest if len(set(_labels(a))) <= MOST_SERIES and not _paths(a) <= set(_REPEATS)]
    return Choice(column(first), series=column(lines[0]) if lines else "")


def _labels(axis: Axis) -> list[str]:
    return [axis.label(k) for k in range(len(axis.values))]


def _paths(axis: Axis) -> set[str]:
    return {path for k in range(len(axis.values)) for path in axis.changes(k)}


def across(sweep: Sweep) -> list[str]:
    """Columns that may stand below the chart."""
    return [*(column(axis) for axis in sweep.axes), *_MORE] if sweep.axes else ["position", *_MORE]


def lines(sweep: Sweep) -> list[str]:
    """Columns that may tell lines apart; the first is none."""
    return ["", *(column(axis) for axis in sweep.axes), "model", "attack", "adaptive", "defenses"]


def value(row: dict[str, Any], name: str) -> Any:
    """A cell as a number where it reads as one."""
    found = row.get(name)
    number = _number(found)
    return found if number is None else number


def _number(text: Any) -> float | None:
    try:
        found = float(text)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def points(records: Sequence[dict[str, Any]], choice: Choice) -> dict[str, list[tuple[float | str, float, dict]]]:
    """Line -> (x, y, its row), in the order of the table; runs that measured nothing are left out."""
    found: dict[str, list[tuple[float | str, float, dict]]] = {}
    for row in records:
        x, y = value(row, choice.x), row.get(choice.y)
        if x is not None and isinstance(y, (int, float)) and math.isfinite(y):
            found.setdefault(named(choice.series, row.get(choice.series)), []).append((x, float(y), row))
    for line in found.values():
        if len({isinstance(x, str) for x, _, _ in line}) > 1:  # "fresh" beside 5: all of it is text then
            line[:] = [(f"{x:g}" if not isinstance(x, str) else x, y, row) for x, y, row in line]
    return found


def named(series: str, text: Any) -> str:
    """A line's name as a person reads it."""
    known = {"model": MODELS, "attack": ATTACKS}.get(series, {})
    if series == "adaptive":
        return "knows the defenses" if text else "takes the update for plain"
    return known[text].title if text in known else "" if text is None or not series else str(text)


def answer(records: Sequence[dict[str, Any]], choice: Choice) -> Answer:
    """Worked out from the rows that are there; says so while some are not."""
    found = points(records, choice)
    trends = {name: trend([(x, y) for x, y, _ in line]) for name, line in found.items()}
    if not trends:
        return Answer("Nothing to say yet: no run has ended with a picture to compare.", "", "", {})
    claims = [_claim(name, one, choice, len(trends) > 1) for name, one in trends.items()]
    claim = "; ".join(claims) + "."
    seen = _seen(trends, choice) if choice.y == "psnr" else ""
    return Answer(claim[:1].upper() + claim[1:], seen, _limits(records, found), trends)


def _claim(name: str, one: Trend, choice: Choice, several: bool) -> str:
    title = MEANINGS[choice.y].title
    medians, across = [g.median for g in one.groups], choice.x.replace(" (axis)", "").replace("_", " ")
    lead = f"{name}: " if several else ""
    if one.rho is None:
        most = max(one.groups, key=lambda g: g.median if MEANINGS[choice.y].better == "higher" else -g.median)
        if len(medians) == 1:
            return f"{lead}{title} {shown(choice.y, medians[0])} at {across} {_text(most.x)}, the only value so far"
        return (
            f"{lead}most leaks at {across} {_text(most.x)} (median {title} {shown(choice.y, most.median)}), of"
            f" {_range(choice.y, medians)} in all"
        )
    spread = f"{one.n} runs, Spearman {one.rho:+.2f}".replace("-", "−")
    ends = f"from {_text(one.groups[0].x)} to {_text(one.groups[-1].x)}"
    if one.direction == "none":
        return f"{lead}no trend over {across} {ends}: median {title} {_range(choice.y, medians)} ({spread})"
    more = (one.direction == "rises") == (MEANINGS[choice.y].better == "higher")
    return (
        f"{lead}{'more' if more else 'less'} leaks as {across} goes {ends}: median {title}"
        f" {shown(choice.y, medians[0])} at first, {shown(choice.y, medians[-1])} at last ({spread})"
    )


def _range(y: str, medians: Iterable[float]) -> str:
    found = sorted(medians)
    return f"{shown(y, found[0])} to {shown(y, found[-1])}"


def _text(x: float | str) -> str:
    return x if isinstance(x, str) else f"{x:,.0f}" if float(x).is_integer() else f"{x:g}"


def _seen(trends: dict[str, Trend], choice: Choice) -> str:
    """At which values the median picture is clear to the eye."""
    parts = []
    for name, one in trends.items():
        clear = [_text(g.x) for g in one.groups if g.median >= CLEAR_PSNR]
        where = "at every value" if len(clear) == len(one.groups) else f"at {', '.join(clear)}" if clear else "nowhere"
        parts.append(f"{name}: {where}" if len(trends) > 1 else where)
    return f"Clear to the eye in the median ({CLEAR_PSNR:.0f} dB or more) {'; '.join(parts)}."


def _limits(records: Sequence[dict[str, Any]], found: dict[str, list]) -> str:
    used = [row for line in found.values() for _, _, row in line]
    pictures = sorted({ref for row in used for ref in str(row.get("samples", "")).split()})
    attacks = sorted({str(row.get("attack_settings")) for row in used})
    sizes = sorted({str(row["size"]) for row in used if row.get("size")})
    by = " and ".join(attacks) if len(attacks) <= 2 else f"{len(attacks)} settings of attacks"
    sides = f" of {' and '.join(sizes)} pixels" if 0 < len(sizes) <= 2 else ""
    text = f"Measured on {len(pictures)} picture{'s' * (len(pictures) > 1)}{sides} by {by}; points are medians,"
    text += (
        " bands the middle half of the runs. Runs that share pictures are not independent, and another attack, network"
    )
    text += " or set of pictures may answer otherwise."
    broken = sum(row.get("state") in ("failed", "refused") for row in records)
    going = sum(row.get("state") in ("queued", "running", "pausing", "paused") for row in records)
    if broken:
        text += f" {broken} experiment{'s' * (broken > 1)} failed or cannot be run and count for nothing here."
    if going:
        text += f" {going} {'are' if going > 1 else 'is'} still to come."
    return text
