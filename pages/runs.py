"""All runs: find, reopen, compare two, rename, pin, delete."""

from __future__ import annotations

import streamlit as st

from pages.components import address, compare, runs_list, shell

shell.enter()
address.visit("runs", "compare")
st.html('<h1 class="gi-title">Runs</h1>')
if address.told("compare") is not None:
    pair = compare.asked()
    compare.draw(pair)
    if len(pair) < 2:
        runs_list.draw()
else:
    runs_list.draw()
