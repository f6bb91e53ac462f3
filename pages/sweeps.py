"""Sweeps: many experiments as one question, ready or made here, and what they answer."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import address, shell
from pages.components.sweeps import asking, listing, making, opened

shell.enter()
address.visit("sweeps", "sweep")
st.html(Path(shell.__file__).parent / "web" / "sweeps.css")
number = asking.shown()
if number is not None:
    opened.draw(number)
else:
    st.html('<h1 class="gi-title">What changes when one thing changes?</h1>')
    st.html(
        '<p class="gi-lead">A sweep runs many experiments that differ in a few things, and says what follows from them.</p>'
    )
    st.html('<h2 class="gi-sub">Open questions, ready to run</h2>')
    listing.cards()
    st.html('<h2 class="gi-sub">Your sweeps</h2>')
    listing.draw()
    st.html('<h2 class="gi-sub">Make one</h2>')
    making.draw()
