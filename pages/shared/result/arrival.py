"""On a narrow screen the result stands above the form: it is scrolled into sight once for each press that asks for it."""

from __future__ import annotations

import streamlit as st

from pages.shared.experiment import launch
from pages.shared.places import WEB

_ARRIVAL = st.components.v2.component("gi_arrival", html="<span></span>", js=(WEB / "arrival.js").read_text())


def draw(run: str) -> None:
    """Where this session asked for the run; a link, a refresh and Back leave the page where it is."""
    asked = st.session_state.get(launch.ASKED, 0) if st.session_state.get(launch.STARTED) == run else 0
    _ARRIVAL(key="arrival", data={"asked": f"{run}.{asked}" if asked else ""}, height=0)
