"""Rank analysis: which networks give the picture away, counted layer by layer, and R-GAP to see it happen."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import address, form, shell
from pages.components.rank import question, view

shell.enter()
form.use("rank", question.FIRST)
address.arrive()
st.html(Path(shell.__file__).parent / "web" / "rank.css")
view.draw()
