"""What surrounds every page: style, sign-in, warnings, and no traceback for a person."""

from __future__ import annotations

import threading
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from gi_core.spec import SpecError
from pages.components import session, telling, words

_WEB = Path(__file__).parent / "web"
_ROOT = Path(__file__).resolve().parents[2]
_ASSETS = _ROOT / "assets"
_INSIDE = threading.local()
_HERE = st.components.v2.component("gi_here", js=(_WEB / "here.js").read_text())


def run() -> None:
    """The whole app; `st.navigation` comes before anything that can fail."""
    st.set_page_config("Gradient Inversion Studio", str(_ASSETS / "icon.svg"), layout="wide")
    pages = _pages()
    page = st.navigation(pages, position="top")
    st.logo(str(_ASSETS / "logo.svg"), icon_image=str(_ASSETS / "icon.svg"), size="large")
    _show(page)
    group = next((name for name, members in pages.items() if page in members), "")
    _HERE(data={"group": group}, key="here", height=0)


def _pages() -> dict[str, list[StreamlitPage]]:
    """The pages by section, in the order of the navigation; those without a section stand first, always in sight."""
    return {
        "": [_page("lab", "Lab", default=True), _page("runs", "Runs")],
        "Explain": [_page("rank", "Rank analysis"), _page("influence", "Influence")],
        "Deployment": [_page("federation", "Federation"), _page("updates", "Updates")],
        "Compare": [_page("frontier", "Frontier"), _page("wall", "Comparison wall"), _page("sweeps", "Sweeps")],
    }


def _page(name: str, title: str, default: bool = False) -> StreamlitPage:
    return st.Page(_ROOT / "pages" / f"{name}.py", title=title, url_path=name, default=default)


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
    st.html(_WEB / "targets.css")
    if session.needs_sign_in():
        st.title("Gradient Inversion Studio")
        st.button("Sign in", type="primary", on_click=st.login)
        return
    if session.exposed():
        st.warning("Other machines can reach this page and nobody has to sign in: whoever opens it sees all runs.")
    said = None
    try:
        _INSIDE.page = True
        page.run()
    except SpecError as error:
        said = str(error)
        telling.error(error)
    finally:
        _INSIDE.page = False
        _ready(said)
    if session.signed_in():
        _who()


def _ready(said: str | None) -> None:
    """Start what works, after the page: a worker that starts takes a processor for seconds. said: what the page told."""
    try:
        session.dispatcher().ensure()
    except SpecError as error:  # such as a damaged store, which a page may not have touched
        if str(error) != said:
            telling.error(error)


def _who() -> None:
    """Who is signed in, and the way out."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="who"):
        st.html(f'<p class="gi-about">Signed in as {words.escape(session.viewer())}</p>', width="content")
        st.button("Sign out", key="sign_out", type="tertiary", icon=":material/logout:", on_click=st.logout)
