"""Gradient Inversion Studio: `streamlit run app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import shell

ASSETS = Path(__file__).parent / "assets"

st.set_page_config("Gradient Inversion Studio", str(ASSETS / "icon.svg"), layout="wide")
page = st.navigation(shell.pages(), position="top")
st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "icon.svg"), size="large")
shell.show(page)
