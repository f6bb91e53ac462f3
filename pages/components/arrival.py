"""On a narrow screen the result stands above the form: it is scrolled into sight once for each press that asks for it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import launch

_WEB = Path(__file__).parent / "web"
_ARRIVAL = st.components.v2.component("gi_arrival", html="<span></span>", js=(_WEB / "arrival.js").read_text())


def draw(run: str) -> None:
    """Where this session asked for the run; a link, a refresh and Back leave the page where it is."""
    asked = st.session_state.get(launch.ASKED, 0) if st.session_state.get(launch.STARTED) == run else 0
    _ARRIVAL(key="arrival", data={"asked": f"{run}.{asked}" if asked else ""}, height=0)
