"""The runs behind one point: what came back, and a link to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from gi_core.analysis.frontier import Point
from gi_core.analysis.frontier.points import reading
from gi_core.metrics.registry import METRICS
from pages.shared import link, words

SETTING = "frontier_setting"
"""Key of the choice of setting."""
_COLUMNS = 8
"""Runs beside each other, where there is room."""
ATTACKERS = {"naive": "does not know the defense", "adaptive": "knows the defense"}


def draw(found: Sequence[Point], image: Callable[[str], str | None], opens: bool, said: Mapping[str, str]) -> None:
    """A choice of setting that a click on the chart makes too, then its runs side by side.

    image: of a run, as a data URI. opens: whether there are runs to open. said: the words of each run.
    """
    names = list(dict.fromkeys(p.name for p in found if p.runs))
    if not names:
        return
    name = st.selectbox("Look at a setting (or click its point)", names, key=SETTING, width=340)
    points = [p for p in found if p.name == name]
    with st.grid(_COLUMNS, min_column_width=150, gap="small", key="frontier_runs"):
        for p in points:
            for (picture, value), run in zip(p.leaks, p.runs, strict=True):
                with st.container(gap="xsmall"):
                    _run(p, picture, value, image(run), said.get(run, ""))
                    if opens:
                        link.to_lab("Open the run", run=run)


def _run(p: Point, picture: str, value: float, image: str | None, said: str) -> None:
    who, ref = words.escape(ATTACKERS.get(p.attacker, p.attacker)), _named(picture)
    drawn = (
        f'<img src="{image}" alt="original and reconstruction of {words.escape(ref)}, attacker {who}">' if image else ""
    )
    st.html(
        f'<figure class="gi-frontier-run">{drawn}<figcaption><b>{words.escape(ref)}</b>, attacker {who}:'
        f" {words.escape(METRICS[p.metric].title)} {words.escape(reading(p.metric, value))} <small>{words.escape(said)}</small></figcaption></figure>"
    )


def _named(picture: str) -> str:
    """The pictures behind a run: the first, and how many more. picture: their references, and the seed after the last /."""
    first, *more = picture.rpartition("/")[0].split()
    name = first.removeprefix("bundled/")
    kind, _, crop = name.partition("#crop=")
    return (
        kind
        + (" at " + crop.partition("+")[2].replace("+", ", ") if crop else "")
        + (f" and {len(more)} more" if more else "")
    )
