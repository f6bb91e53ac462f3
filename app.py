"""Gradient Inversion Studio: `streamlit run app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

ROOT = Path(__file__).parent

st.set_page_config(page_title="Gradient Inversion Studio", page_icon=str(ROOT / "assets" / "icon.svg"), layout="wide")
page = st.navigation(
    [
        st.Page("pages/lab.py", title="Lab", url_path="lab", default=True),
        st.Page("pages/runs.py", title="Runs", url_path="runs"),
    ],
    position="top",
)

from pages.components import shell  # noqa: E402  (after st.navigation, which has to come first)

shell.show(page)
