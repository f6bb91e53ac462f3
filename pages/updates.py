"""An update that a real client sent: its files, what is in them, what they give away, and every attack on them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import address, form, shell
from pages.components.updates import question, view

shell.enter()
form.use("updates", question.FIRST)
address.arrive()
st.html(Path(shell.__file__).parent / "web" / "updates.css")
view.draw()
