"""What must be switched on, and what it costs: leakage against accuracy of every defense."""

from __future__ import annotations

import streamlit as st

from pages.frontier import asking, example, form, question, view
from pages.shared import address, head
from pages.shared.places import WEB

address.visit("frontier", "sweep")
st.html(WEB / "frontier.css")
head.title(
    "What must be switched on, and what will it cost?",
    "Attacks every defense at several strengths, trains with it, and draws what leaks against how well the network"
    " still learns.",
)
job = question.shown()
form.draw()
if job is None:
    asking.empty()
asking.launch(job)
if job is not None:
    view.draw(job)
else:
    example.draw()
