"""Every setting in a line, for reading and for those who see no chart."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gi_core.analysis.frontier import Control, Point, pareto, strongest
from gi_core.analysis.frontier.points import ADAPTIVE, NAIVE, reading
from gi_core.metrics.intervals import counted
from gi_core.metrics.registry import METRICS
from gi_core.settings import ceiling
from pages.shared import words


def draw(
    found: Sequence[Point], controls: Sequence[Control], epsilons: dict[str, float], ceilings: dict[str, float]
) -> None:
    """The most accurate first; what is still to come last; then the controls. epsilons: name -> epsilon of the training. ceilings: name -> most that
    any attacker gets of the attacked round.
    """
    if not found:
        return
    best = {p.name for p in pareto(strongest(found))}
    groups: dict[str, dict[str, Point]] = {}
    for p in found:
        groups.setdefault(p.name, {})[p.attacker] = p
    title = METRICS[found[0].metric].title
    worst = {p.name: p for p in strongest(found)}
    head = [
        "Setting",
        "Accuracy",
        "A person would see",
        f"Median {title}, defense not known",
        f"Median {title}, defense known",
        "Beaten by none",
    ]
    head += ["Epsilon"] if epsilons else []
    head += ["Any attacker, at most"] if ceilings else []
    order = sorted(groups.items(), key=lambda item: -(next(iter(item[1].values())).accuracy or -1.0))
    body = "".join(_row(name, group, worst.get(name), name in best, epsilons, ceilings) for name, group in order)
    body += "".join(_control(one, len(head)) for one in controls)
    cells = "".join(f'<th scope="col">{words.escape(text)}</th>' for text in head)
    st.html(
        '<div class="gi-scroll" tabindex="0" role="region" aria-label="Settings of the frontier">'
        f'<table class="gi-table gi-frontier-table"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(
    name: str, group: dict[str, Point], worst: Point | None, best: bool, epsilons: dict[str, float], ceilings: dict[str, float]
) -> str:  # fmt: skip
    any_point = next(iter(group.values()))
    cells = [
        _accuracy(any_point),
        _seen(worst),
        _leak(group.get(NAIVE)),
        _leak(group.get(ADAPTIVE)),
        "◯ yes" if best else "",
    ]
    if epsilons:
        value = epsilons.get(name)
        cells.append("" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}")
    if ceilings:
        most = ceilings.get(name)
        cells.append("not known" if most is None else f"picks {ceiling.percent(most)} right")
    return (
        f'<tr><th scope="row">{words.escape(name)}</th>'
        + "".join(f"<td>{words.escape(c)}</td>" for c in cells)
        + "</tr>"
    )


def _accuracy(p: Point) -> str:
    if p.accuracy is None:
        return "to come"
    return f"{100 * p.accuracy:.0f} %" + (f" ± {100 * p.std:.0f}" if p.std is not None else "")


def _seen(worst: Point | None) -> str:
    """Of its pictures, by the strongest attacker."""
    return counted(len(worst.seen), len(worst.leaks), "pictures") if worst is not None else ""


def _leak(p: Point | None) -> str:
    """The median with its interval, and on how many pictures."""
    if p is None:
        return ""
    if not p.leaks:
        return "to come" if p.waiting else "failed"
    count = f"{len(p.leaks)}" if len(p.leaks) == p.asked else f"{len(p.leaks)} of {p.asked}"
    return f"{_between(p)}, n = {count}"


def _between(one: Point | Control) -> str:
    low, high = (reading(one.metric, end) for end in one.interval)
    return f"{reading(one.metric, one.leakage)} ({low} to {high})"


def _control(one: Control, columns: int) -> str:
    said = f"{_between(one)}, n = {len(one.values)}"
    cells = ["", "", said, *[""] * (columns - 4)]
    return (
        f'<tr><th scope="row">Control: {words.escape(one.title)}</th>'
        + "".join(f"<td>{words.escape(c)}</td>" for c in cells)
        + "</tr>"
    )
