"""Reproductions: what was published, what comes out here, and whether the two agree."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import SpecError
from pages.reproductions import known, running, table
from pages.shared import address, head, telling
from pages.shared.places import WEB

address.visit("reproductions")
st.html(WEB / "reproductions.css")
head.title(
    "Does it hold what was published?",
    "Each claim is a published number with the place where it was read. Beside it stands what this program measured, with its 95 %"
    " interval and the number of pictures, and what follows.",
)
try:
    found = known.answers()
    table.summary(found)
    table.draw(found)
    running.draw()
except SpecError as error:
    telling.problem(str(error))
