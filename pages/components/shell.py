"""What surrounds every page: style, sign-in, warnings, and no traceback for a person."""

from __future__ import annotations

import threading
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from gi_core.spec import SpecError
from pages.components import session, words

_WEB = Path(__file__).parent / "web"
_ROOT = Path(__file__).resolve().parents[2]
_ASSETS = _ROOT / "assets"
_INSIDE = threading.local()


def run() -> None:
    """The whole app; `st.navigation` comes before anything that can fail."""
    st.set_page_config("Gradient Inversion Studio", str(_ASSETS / "icon.svg"), layout="wide")
    page = st.navigation(_pages(), position="top")
    st.logo(str(_ASSETS / "logo.svg"), icon_image=str(_ASSETS / "icon.svg"), size="large")
    _show(page)


def _pages() -> list[StreamlitPage]:
    """The pages, in the order of the navigation."""
    return [
        st.Page(_ROOT / "pages" / "lab.py", title="Lab", url_path="lab", default=True),
        st.Page(_ROOT / "pages" / "rank.py", title="Rank analysis", url_path="rank"),
        st.Page(_ROOT / "pages" / "influence.py", title="Influence", url_path="influence"),
        st.Page(_ROOT / "pages" / "federation.py", title="Federation", url_path="federation"),
        st.Page(_ROOT / "pages" / "updates.py", title="Updates", url_path="updates"),
        st.Page(_ROOT / "pages" / "runs.py", title="Runs", url_path="runs"),
    ]


def enter() -> None:
    """Called by every page first.

    Until some session has called `st.navigation`, Streamlit takes `pages/` for an app of the old
    kind and runs an address such as /runs without app.py: then the page does what app.py does.
    """
    if not getattr(_INSIDE, "page", False):
        run()
        st.stop()


def _show(page: StreamlitPage) -> None:
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
        _INSIDE.page = True
        page.run()
    except SpecError as error:
        st.error(words.plain(error))
    finally:
        _INSIDE.page = False
