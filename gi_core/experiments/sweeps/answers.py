"""What a sweep's table answers, in one sentence and its limits. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gi_core.analysis.trends import Trend, trend
from gi_core.experiments.sweeps import against
from gi_core.experiments.sweeps.choices import Choice, Placed, points
from gi_core.metrics.registry import METRICS, shown
from gi_core.metrics.words import of_row
from gi_core.settings.registry import ATTACKS

_GOING = ("queued", "running", "pausing", "paused")


@dataclass(frozen=True)
class Answer:
    """claim: the one sentence. seen: where a person would see the pictures, or "". limits: what it holds for."""

    claim: str
    seen: str
    limits: str
    trends: dict[str, Trend]


def answer(records: Sequence[dict[str, Any]], choice: Choice) -> Answer:
    """The answer that the rows give so far; it says so while some are missing."""
    found = points(against.without_controls(records), choice)
    trends = {name: trend([(x, y) for x, y, _ in line]) for name, line in found.items()}
    if not trends:
        return Answer("Nothing to say yet: no run has ended with a picture to compare.", "", "", {})
    several = len(trends) > 1
    claims = [
        f"for {name} {_claim(one, choice, several)}" if several else _claim(one, choice) for name, one in trends.items()
    ]
    lead = f"Across {_name(choice.x)}, " if several else ""
    text = f"{lead}{'; '.join(claims)}."
    going = any(row.get("state") in _GOING for row in records)
    seen = _seen(trends, found) if choice.y == "psnr" else ""
    seen = " ".join(filter(None, (seen, against.sentences(records))))
    return Answer(f"So far: {_lower(text)}" if going else _upper(text), seen, _limits(records, found), trends)


def _claim(one: Trend, choice: Choice, short: bool = False) -> str:
    """The sentence about one line; short where the column that varies was named before."""
    title, better = METRICS[choice.y].title, METRICS[choice.y].better
    medians, across = [g.median for g in one.groups], _name(choice.x)
    if one.rho is None:
        most = max(one.groups, key=lambda g: g.median if better == "higher" else -g.median)
        at = f"at {_text(most.x)}" if short else f"at {across} {_text(most.x)}"
        if len(medians) == 1:
            return f"median {title} {shown(choice.y, medians[0])} {at}, the only value there is"
        spread = _range(choice.y, medians)
        return f"most leaks {at} (median {title} {shown(choice.y, most.median)}, of {spread} in all; {one.n} runs)"
    rho = f"{one.n} runs, Spearman {one.rho:+.2f}".replace("-", "−")
    ends = f"from {_text(one.groups[0].x)} to {_text(one.groups[-1].x)}"
    if one.direction == "none":
        where = ends if short else f"over {across} {ends}"
        return f"no trend {where}: median {title} {_range(choice.y, medians)} ({rho})"
    more = (one.direction == "rises") == (better == "higher")
    where = ends if short else f"as {across} goes {ends}"
    first, last = shown(choice.y, medians[0]), shown(choice.y, medians[-1])
    return f"{'more' if more else 'less'} leaks {where}: median {title} {first} at first, {last} at last ({rho})"


def _name(column: str) -> str:
    return column.replace(" (axis)", "").replace("_", " ")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _range(y: str, medians: Iterable[float]) -> str:
    found = sorted(medians)
    return f"{shown(y, found[0])} to {shown(y, found[-1])}"


def _text(x: float | str) -> str:
    return x if isinstance(x, str) else f"{x:,.0f}" if float(x).is_integer() else f"{x:g}"


def _seen(trends: dict[str, Trend], found: dict[str, list[Placed]]) -> str:
    """The values at which a person would see the pictures of at least half of the runs, as a sentence."""
    parts = []
    for name, one in trends.items():
        clear = [_text(g.x) for g in one.groups if _half(row for x, _, row in found[name] if x == g.x)]
        where = "at every value" if len(clear) == len(one.groups) else f"at {_listed(clear)}" if clear else "nowhere"
        parts.append(f"for {name} {where}" if len(trends) > 1 else where)
    return f"A person would see the pictures of at least half of the runs {'; '.join(parts)}."


def _half(rows: Iterable[dict[str, Any]]) -> bool:
    judged = [of_row(row).level == "exposed" for row in rows]
    return 2 * sum(judged) >= len(judged) > 0


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _attack(row: dict[str, Any]) -> str:
    """The attack's name as a person says it; how the rest was set stands in the table."""
    kind = str(row.get("attack"))
    return ATTACKS[kind].title if kind in ATTACKS else kind


def _limits(records: Sequence[dict[str, Any]], found: dict[str, list[Placed]]) -> str:
    used = [row for line in found.values() for _, _, row in line]
    pictures = sorted({ref for row in used for ref in str(row.get("samples", "")).split()})
    attacks = sorted({_attack(row) for row in used})
    sizes = sorted({str(row["size"]) for row in used if row.get("size")})
    by = " and ".join(attacks) if len(attacks) <= 2 else f"{len(attacks)} attacks"
    sides = f" of {' and '.join(sizes)} pixels" if 0 < len(sizes) <= 2 else ""
    text = f"Measured on {len(pictures)} picture{'s' * (len(pictures) > 1)}{sides} by {by}; points are medians,"
    text += " bands the middle half of the runs. Runs that share pictures are not independent, and another attack, more effort,"
    text += " another network or other pictures may answer otherwise."
    broken = sum(row.get("state") in ("failed", "refused") for row in records)
    going = sum(row.get("state") in _GOING for row in records)
    if broken:
        text += f" {broken} experiment{'s' * (broken > 1)} failed or cannot be run and count for nothing here."
    if going:
        text += f" {going} {'are' if going > 1 else 'is'} still to come."
    return text
