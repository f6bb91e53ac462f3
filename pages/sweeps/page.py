"""Sweeps: many experiments as one question, ready or made here, and what they answer."""

from __future__ import annotations

import streamlit as st

from pages.shared import address, head
from pages.shared.places import WEB
from pages.shared.sweeps import asking, making
from pages.sweeps import listing, opened

address.visit("sweeps", "sweep")
st.html(WEB / "sweeps.css")
number = asking.shown()
if number is not None:
    opened.draw(number)
else:
    head.title(
        "What changes when one thing changes?",
        "A sweep runs many experiments that differ in a few things, and says what follows from them.",
    )
    st.html('<h2 class="gi-sub">Open questions, ready to run</h2>')
    listing.cards()
    st.html('<h2 class="gi-sub">Your sweeps</h2>')
    listing.draw()
    st.html('<h2 class="gi-sub">Make one</h2>')
    making.draw()
