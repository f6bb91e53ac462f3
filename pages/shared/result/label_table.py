"""What each label strategy reads from the update, beside the labels that were true."""

from __future__ import annotations

import streamlit as st

from gi_core.types.result_parts import Labels
from pages.shared.words import escape

_NAMES = {
    "idlg": "iDLG: rows of the last layer", "bias_sign": "Signs of the last bias", "row_sum": "Row sums", "auto": "Automatic",
    "iterative": "Iterative", "observed_delta": "Observed delta", "joint": "Joint", "known": "Known",
}  # fmt: skip
_SHOWN = 16


def draw(labels: Labels) -> None:
    """A small table, folded; nothing where no strategy was tried."""
    tried, names = labels.get("strategies"), labels["names"]
    if not tried:
        return
    lines = [("True", _listed(labels["true"], names), "")]
    for name, found in tried.items():
        right = f"{100 * found['accuracy']:.0f} %"
        lines.append((_NAMES.get(name, name.replace("_", " ")), _listed(found["recovered"], names), right))
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
