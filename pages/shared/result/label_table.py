"""What each label strategy reads from the update, beside the labels that were true."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared.words import escape

_NAMES = {
    "idlg": "iDLG: rows of the last layer", "bias_sign": "Signs of the last bias", "row_sum": "Row sums", "auto": "Automatic",
    "iterative": "Iterative", "observed_delta": "Observed delta", "joint": "Joint", "known": "Known",
}  # fmt: skip
_SHOWN = 16


def draw(result: dict[str, Any]) -> None:
    """A small table, folded; nothing where no strategy was tried."""
    labels = result.get("labels") or {}
    tried = labels.get("strategies")
    if not isinstance(tried, dict) or not tried:
        return
    names = labels.get("names") or []
    lines = [("True", _listed(labels.get("true"), names), "")]
    for name, found in tried.items():
        share = found.get("accuracy")
        right = "" if share is None else f"{100 * share:.0f} %"
        lines.append((_NAMES.get(name, name.replace("_", " ")), _listed(found.get("recovered"), names), right))
    body = "".join(
        f"<tr><th scope='row'>{escape(a)}</th><td>{escape(b)}</td><td>{escape(c)}</td></tr>" for a, b, c in lines
    )
    head = "<tr><th scope='col'>Strategy</th><th scope='col'>Labels</th><th scope='col'>Right</th></tr>"
    with st.expander("Labels, as each strategy reads them", type="compact", key="label_table"):
        st.html(f'<div class="gi-scroll"><table class="gi-table">{head}{body}</table></div>')


def _listed(labels: list[int] | None, names: list[str]) -> str:
    if not labels:
        return "–"
    words = [names[k] if 0 <= k < len(names) else str(k) for k in sorted(labels)]
    return ", ".join(words[:_SHOWN]) + (f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else "")
