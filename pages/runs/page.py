"""All runs: find, reopen, compare two, rename, pin, delete."""

from __future__ import annotations

import streamlit as st

from pages.runs import listing
from pages.shared import address
from pages.shared.result import compare

address.visit("runs", "compare")
st.html('<h1 class="gi-title">Runs</h1>')
if address.value("compare") is not None:
    pair = compare.asked()
    compare.draw(pair)
    if len(pair) < 2:
        listing.draw()
else:
    listing.draw()
