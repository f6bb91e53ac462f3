"""An update that a real client sent: its files, what is in them, what they give away, and every attack on them."""

from __future__ import annotations

import streamlit as st

from pages.shared import address, form
from pages.shared.places import WEB
from pages.updates import question, view

form.use("updates", question.FIRST)
address.arrive()
st.html(WEB / "updates.css")
view.draw()
