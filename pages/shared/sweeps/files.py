"""A sweep as files: its table, and itself."""

from __future__ import annotations

import re

import streamlit as st

from gi_core.experiments.sweeps import ready
from gi_core.experiments.sweeps.table import records, to_csv, to_html
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep
from gi_core.settings.sweep_text import to_toml
from pages.shared import taking, words
from pages.shared.session import store
from pages.shared.taking import Asked


def draw(number: str, sweep: Sweep) -> None:
    """Buttons; nothing is made before the click."""
    name = re.sub(r"[^a-z0-9]+", "-", sweep.name.lower()).strip("-")[:40] or "sweep"
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="sweep_files"):
        st.html('<h3 class="gi-sub">Save</h3>', width="content")
        taking.button(Asked((number,)), "sweep")
        _button("Table (CSV)", lambda: to_csv(records(store(), number)), f"{name}.csv", "text/csv")
        _button(
            "Table (HTML)", lambda: to_html(records(store(), number), sweep.name, sweep.question), f"{name}.html", "text/html"
        )  # fmt: skip
        try:
            text = to_toml(sweep)
            _button("Sweep (TOML)", lambda: text, f"{name}.toml", "application/toml")
        except SpecError:
            _button("Sweep (JSON)", lambda: sweep.model_dump_json(indent=1), f"{name}.json", "application/json")
    known = next((key for key, one in ready().items() if one == sweep), f"{name}.toml")
    st.html(
        f'<p class="gi-about">The same on a command line: <code>python -m gi_core sweep {words.escape(known)}</code></p>'
    )


def _button(label: str, make, name: str, mime: str) -> None:
    st.download_button(label, make, name, mime, key=f"get_{label}", on_click="ignore", icon=":material/download:")
