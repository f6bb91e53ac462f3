"""A federation over rounds: who holds what, what is shared, and what the server reads from it, round by round."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import address, form, shell
from pages.components.federation import question, view

shell.enter()
form.use("federation", question.bare(question.FIRST))
address.visit("federation", "job")
st.html(Path(shell.__file__).parent / "web" / "federation.css")
question.arrive()
view.draw()
