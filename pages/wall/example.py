"""The default wall as it was run before, so that the first view is not empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from gi_core.metrics.words import of_row
from pages.shared import telling
from pages.shared.sweeps.recorded import Recorded, recorded
from pages.wall import question, view
from pages.wall.cell import Cell, judged, table
from pages.wall.layout import layout


def draw() -> None:
    """Drawn by what draws a real one; there are no runs to open."""
    example, sweep = recorded(question.PAGE), question.first()
    found = layout(sweep)
    with st.container(key="wall_example", gap="small"):
        st.html(
            '<h2 class="gi-question">An example, run before on two cores</h2><p class="gi-about">Nothing has been run here'
            " yet. This is what the form asks for as it is: press <i>Run the wall</i> for your own, whose every picture opens"
            " its run.</p>"
        )
        st.fragment(view.findings, key="wall_findings")(
            found, lambda metric: table(found, example.rows, metric, lambda row, m: read(example, row, m)),
            view.corner(sweep, example.original(example.rows[0]["run_id"])),
        )  # fmt: skip
        view.controls(example.rows)


def read(example: Recorded, row: dict[str, Any] | None, metric: str) -> Cell:
    """The cell of a recorded experiment."""
    if row is None or row["state"] != "done":
        return Cell(sign="–", word="not possible", reason=telling.sentence((row or {}).get("error") or ""))
    return replace(judged(of_row(row), row, metric), image=example.answer(row["run_id"]))
