"""Inversion influence: how much would leak of each picture, and how much noise prevents it, without attacking."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import address, form, shell
from pages.components.influence import question, view

shell.enter()
form.use("influence", question.FIRST)
address.arrive()
st.html(Path(shell.__file__).parent / "web" / "influence.css")
view.draw()
