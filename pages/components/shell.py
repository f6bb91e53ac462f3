"""What surrounds every page: style, sign-in, warnings, and no traceback for a person."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from gi_core.spec import SpecError
from pages.components import session, words

_WEB = Path(__file__).parent / "web"
_LOG = logging.getLogger("gi_core.pages")


def show(page: StreamlitPage) -> None:
    """Run the page inside its surroundings."""
    st.html(_WEB / "lab.css")
    if session.needs_sign_in():
        st.title("Gradient Inversion Studio")
        st.button("Sign in", type="primary", on_click=st.login)
        return
    if session.exposed():
        st.warning("Other machines can reach this page and nobody has to sign in: whoever opens it sees all runs.")
    try:
        session.dispatcher().ensure()
        page.run()
    except SpecError as error:
        st.error(words.plain(error))
