"""A federation over rounds: who holds what, what is shared, and what the server reads from it, round by round."""

from __future__ import annotations

import streamlit as st

from pages.federation import question, view
from pages.shared import address, form
from pages.shared.places import WEB

form.use("federation", question.bare(question.FIRST))
address.visit("federation", "job")
st.html(WEB / "federation.css")
question.arrive()
view.draw()
