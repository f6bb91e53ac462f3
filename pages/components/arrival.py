"""On a narrow screen the result stands above the form: a run that was just asked for is scrolled into sight, once."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import launch

_WEB = Path(__file__).parent / "web"
_ARRIVAL = st.components.v2.component("gi_arrival", html="<span></span>", js=(_WEB / "arrival.js").read_text())


def draw(run: str) -> None:
    """Where this session asked for the run; a link, a refresh and Back leave the page where it is."""
    _ARRIVAL(key="arrival", data={"run": run if st.session_state.get(launch.STARTED) == run else ""}, height=0)
