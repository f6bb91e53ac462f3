"""The sweep's table on the page: what varies, what came of it, and a link to each run."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.experiments.sweeps.choices import MEASURES, column
from gi_core.metrics import claims
from gi_core.metrics.registry import METRICS, drawn, shown
from gi_core.settings.sweep import Sweep
from pages.shared import telling, words
from pages.sweeps import chart

PAGE = 25
_RESULTS = tuple(dict.fromkeys((*MEASURES, *drawn("table"))))
"""What a chart can show first, then the rest."""


def draw(rows: list[dict[str, Any]], sweep: Sweep) -> None:
    """A page of rows; columns without a value in any row are left out."""
    pages = -(-len(rows) // PAGE)
    page = min(st.session_state.get("sweep_rows_page") or 1, pages)
    axes = [column(axis) for axis in sweep.axes] or ["experiment"]
    measured = [m for m in _RESULTS if any(row.get(m) is not None for row in rows)]
    extra = [
        c
        for c in ("parameters", "network_accuracy", "accuracy", "seconds")
        if any(row.get(c) is not None for row in rows)
    ]
    head = [
        "",
        *map(chart.readable, axes),
        "State",
        *(METRICS[m].title for m in measured),
        "Words",
        *map(chart.readable, extra),
        "Run",
    ]
    body = "".join(_row(row, axes, measured, extra) for row in rows[(page - 1) * PAGE : page * PAGE])
    st.html(
        '<div class="gi-scroll" tabindex="0" role="region" aria-label="Experiments of the sweep"><table class="gi-table gi-sweep-table"><thead><tr>'
        + "".join(f'<th scope="col">{words.escape(name)}</th>' for name in head)
        + f"</tr></thead><tbody>{body}</tbody></table></div>"
    )
    if pages > 1:
        st.pagination(pages, key="sweep_rows_page")


def _row(row: dict[str, Any], axes: list[str], measured: list[str], extra: list[str]) -> str:
    sign, word = words.STATES.get(row["state"], ("–", row["state"]))
    why = f"<small>{words.escape(telling.sentence(row['error']))}</small>" if row.get("error") else ""
    cells = [f'<th scope="row">{row["position"]}</th>']
    cells += [f"<td>{words.escape(row.get(name, ''))}</td>" for name in axes]
    cells.append(f'<td><span aria-hidden="true">{sign}</span> {words.escape(word)}{why}</td>')
    cells += [
        f'<td class="gi-n">{words.escape(shown(m, row[m]) if row.get(m) is not None else "")}</td>' for m in measured
    ]
    cells.append(f"<td>{words.escape(claims.of_row(row))}</td>")
    cells += [f'<td class="gi-n">{words.escape(_number(name, row.get(name)))}</td>' for name in extra]
    run = row.get("run_id")
    cells.append(f'<td><a href="./?run={words.escape(run)}" target="_self">Open</a></td>' if run else "<td></td>")
    return f"<tr>{''.join(cells)}</tr>"


def _number(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.endswith("accuracy"):
        return f"{100 * value:.0f} %"
    return words.span(value) if name == "seconds" else f"{value:,}"
