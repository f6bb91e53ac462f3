"""The wall as it stands: a table that fills while runs come in, and the picture of it to take away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from gi_core.experiments.sweeps import against
from gi_core.experiments.sweeps.table import records
from gi_core.figures import marks
from gi_core.jobs import sweeps
from gi_core.jobs.sweeps import Entry
from gi_core.metrics.registry import METRICS, drawn
from gi_core.settings.sweep import Sweep
from pages.shared import pictures, taking, words
from pages.shared.places import WEB
from pages.shared.result.source import StoredRun
from pages.shared.result.viewer import select
from pages.shared.session import dispatcher, store
from pages.shared.sweeps import progress
from pages.shared.taking import Asked
from pages.wall import cell, poster
from pages.wall.layout import Layout, layout

SCORES = drawn("wall")
ATTACKERS = {"naive": "Does not know", "knowing": "Knows", "both": "Both"}
STYLE = WEB / "wall.css"
_PACE = 1.5
Cells = dict[tuple[int, int, bool], cell.Cell]


def draw(number: str, sweep: Sweep) -> None:
    """How it stands, what is shown, the table. It follows by itself while the sweep goes on."""
    going = not sweeps.status(store(), number).over
    st.fragment(_live, run_every=_PACE if going else None, key="wall_live")(number, sweep, going)


def _live(number: str, sweep: Sweep, timed: bool) -> None:
    if timed:
        dispatcher().ensure()
    status, found = sweeps.status(store(), number), layout(sweep)
    if status.over == timed:
        st.rerun(scope="app")
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="wall_status"):
        with st.container(gap=None):
            progress.line(status)
        progress.buttons(status)
        taking.button(Asked((number,)), "wall")
    entries = sweeps.members(store(), number)
    source = original(entries)

    def save(cells: Cells, metric: str, attackers: tuple[bool, ...]) -> None:
        if any(entry.state == "done" for entry in entries):
            st.download_button(
                "Save as one picture", lambda: poster.png(sweep, found, cells, source, metric, attackers),
                f"gradient-inversion-wall-{number}.png", "image/png", key="wall_png", on_click="ignore",
                icon=":material/download:",
            )  # fmt: skip

    findings(found, lambda metric: cell.table(found, entries, metric, cell.read), _original(sweep, source), save)
    controls(records(store(), number))


def controls(rows: Sequence[dict[str, Any]]) -> None:
    """A line for each attack: what it gets without the update, and how many of its answers show more."""
    lines = [words.escape(line) for line in against.lines(rows)]
    if lines:
        st.html(f'<p class="gi-about"><b>Standing controls</b><br>{"<br>".join(lines)}</p>')


def findings(
    found: Layout,
    read: Callable[[str], Cells],
    corner: str,
    save: Callable[[Cells, str, tuple[bool, ...]], None] | None = None,
) -> None:
    """Which score and attacker, then the table. read: the cells with that score. corner: HTML of the private picture."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="wall_bar"):
        metric = st.segmented_control(
            "Score", SCORES, default="psnr", required=True, key="wall_score", format_func=lambda n: METRICS[n].title,
        )  # fmt: skip
        attackers = _attackers(found)
        cells = read(metric)
        if save is not None:
            save(cells, metric, attackers)
    st.html(f'<p class="gi-about">{words.escape(METRICS[metric].sentence)} {words.MEANING}</p>')
    st.html(_table(found, cells, corner, attackers))


def _attackers(found: Layout) -> tuple[bool, ...]:
    """Whose pictures are shown: of an attacker who does not know the defenses, who does, or both."""
    if not found.both:
        return (False,)
    chosen = st.segmented_control(
        "The attacker and the defenses", list(ATTACKERS), default="both", required=True, key="wall_attackers",
        format_func=ATTACKERS.__getitem__, help="A defense may look stronger than it is where the attacker does not know it.",
    )  # fmt: skip
    return {"naive": (False,), "knowing": (True,), "both": (False, True)}[chosen]


def _table(found: Layout, cells: Cells, corner: str, attackers: tuple[bool, ...]) -> str:
    """HTML; it scrolls inside itself, and row names stay in sight."""
    span = f' colspan="{len(attackers)}"' if len(attackers) > 1 else ""
    head = "".join(f'<th scope="col"{span}>{words.escape(title)}</th>' for title in found.columns)
    tall = ' rowspan="2"' if span else ""
    lines = [f'<tr><td class="gi-corner"{tall}>{corner}</td>{head}</tr>']
    if span:
        heads = "".join(f'<th scope="col"><small>{"knows" if k else "unaware"}</small></th>' for k in attackers)
        lines.append(f'<tr class="gi-who">{heads * len(found.columns)}</tr>')
    for row, title in enumerate(found.rows):
        line = ""
        for column, attack in enumerate(found.columns):
            undefended = (row, column, True) not in found.places
            for knows in (False,) if undefended else attackers:
                name = f"{attack} against {title}" + ", which it knows" * knows
                shown = cell.draw(cells[row, column, knows], name)
                line += f"<td{span if undefended else ''}>{shown}</td>"
        kind = found.kinds[row]
        sign = f'<i class="gi-mark" aria-hidden="true" style="color:{marks.colour(kind)}">{marks.SHAPES[marks.shape(kind, found.kinds)]}</i>'
        lines.append(f'<tr><th scope="row">{sign} {words.escape(title)}</th>{line}</tr>')
    return f'<div class="gi-wall" tabindex="0" role="region" aria-label="Comparison wall"><table style="--columns:{len(found.columns) * len(attackers)}">{"".join(lines)}</table></div>'


def original(entries: list[Entry]) -> StoredRun | None:
    """A run that has read the private pictures."""
    for entry in entries:
        if entry.job is not None:
            source = StoredRun(store(), entry.job)
            if source.originals() is not None:
                return source
    return None


def _original(sweep: Sweep, source: StoredRun | None) -> str:
    images = source.originals() if source else None
    return corner(sweep, select(images, None) if images is not None else None)


def corner(sweep: Sweep, pixels: np.ndarray | None) -> str:
    """HTML of the private picture, (H, W, C), with its name; None before a run has read it."""
    image = f'<img src="{pictures.uri(pixels)}" alt="Original">' if pixels is not None else ""
    return f"{image}<b>Original</b><small>{words.escape(words.sample_name(sweep.base.samples[0]))}</small>"
