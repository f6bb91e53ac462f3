"""Every setting in a line, for reading and for those who see no chart."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gi_core.analysis.frontier import Point, pareto, strongest
from gi_core.analysis.frontier.points import ADAPTIVE, NAIVE, reading
from gi_core.metrics.registry import METRICS
from gi_core.settings import ceiling
from pages.shared import words


def draw(found: Sequence[Point], epsilons: dict[str, float], ceilings: dict[str, float]) -> None:
    """The most accurate first; what is still to come last. epsilons: name -> epsilon of the training. ceilings: name -> most that
    any attacker gets of the attacked round.
    """
    if not found:
        return
    best = {p.name for p in pareto(strongest(found))}
    groups: dict[str, dict[str, Point]] = {}
    for p in found:
        groups.setdefault(p.name, {})[p.attacker] = p
    title = METRICS[found[0].metric].title
    head = ["Setting", "Accuracy", f"{title}, defense not known", f"{title}, defense known", "Beaten by none"]
    head += ["Epsilon"] if epsilons else []
    head += ["Any attacker, at most"] if ceilings else []
    order = sorted(groups.items(), key=lambda item: -(next(iter(item[1].values())).accuracy or -1.0))
    body = "".join(_row(name, group, name in best, epsilons, ceilings) for name, group in order)
    cells = "".join(f'<th scope="col">{words.escape(text)}</th>' for text in head)
    st.html(
        '<div class="gi-scroll" tabindex="0" role="region" aria-label="Settings of the frontier">'
        f'<table class="gi-table gi-frontier-table"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(name: str, group: dict[str, Point], best: bool, epsilons: dict[str, float], ceilings: dict[str, float]) -> str:
    any_point = next(iter(group.values()))
    cells = [_accuracy(any_point), _leak(group.get(NAIVE)), _leak(group.get(ADAPTIVE)), "◯ yes" if best else ""]
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


def _leak(p: Point | None) -> str:
    if p is None:
        return ""
    if not p.leaks:
        return "to come" if p.waiting else "failed"
    some = f" ({len(p.leaks)} of {p.asked})" if len(p.leaks) < p.asked else ""
    return f"{reading(p.metric, p.leakage)}" + (f" ± {p.spread:.2g}" if p.spread >= 0.005 else "") + some
