"""Inversion influence: how much would leak of each picture, and how much noise prevents it, without attacking."""

from __future__ import annotations

import streamlit as st

from pages.influence import view
from pages.shared import address, form
from pages.shared.influence import question
from pages.shared.places import WEB

form.use("influence", question.FIRST)
address.arrive()
st.html(WEB / "influence.css")
view.draw()
