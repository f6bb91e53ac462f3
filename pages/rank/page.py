"""Rank analysis: which networks give the picture away, counted layer by layer, and R-GAP to see it happen."""

from __future__ import annotations

import streamlit as st

from pages.rank import view
from pages.shared import address, form
from pages.shared.places import WEB
from pages.shared.rank import question

form.use("rank", question.FIRST)
address.arrive()
st.html(WEB / "rank.css")
view.draw()
