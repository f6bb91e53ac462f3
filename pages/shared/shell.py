"""What surrounds every page: style, sign-in, warnings, and no traceback for a person."""

from __future__ import annotations

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from gi_core.settings import SpecError
from pages.shared import session, telling, words
from pages.shared.places import ASSETS, PAGES, WEB
from pages.shared.result import takeaway

_CONNECTION = st.components.v2.component("gi_connection", js=(WEB / "connection.js").read_text())
_HERE = st.components.v2.component("gi_here", js=(WEB / "here.js").read_text())


def run(table: dict[str, dict[str, str]]) -> None:
    """The whole app; `st.navigation` comes before anything that can fail. table: section -> address -> title."""
    st.set_page_config("Gradient Inversion Studio", str(ASSETS / "icon.svg"), layout="wide")
    home = next(iter(next(iter(table.values()))))
    pages = {
        section: [
            st.Page(PAGES / address / "page.py", title=title, url_path=address, default=address == home)
            for address, title in members.items()
        ]
        for section, members in table.items()
    }
    page = st.navigation(pages, position="top")
    _CONNECTION(key="connection", height=0)
    st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "icon.svg"), size="large")
    _show(page)
    group = next((name for name, members in pages.items() if page in members), "")
    _HERE(data={"group": group}, key="here", height=0)


def _show(page: StreamlitPage) -> None:
    """Run the page inside its surroundings."""
    st.html(WEB / "lab.css")
    st.html(WEB / "targets.css")
    if session.needs_sign_in():
        st.title("Gradient Inversion Studio")
        st.button("Sign in", type="primary", on_click=st.login)
        return
    if session.exposed():
        st.warning("Other machines can reach this page and nobody has to sign in: whoever opens it sees all runs.")
    said = None
    try:
        page.run()
        takeaway.draw(page.url_path)
    except SpecError as error:
        said = str(error)
        telling.error(error)
    finally:
        _ready(said)
    if session.signed_in():
        _who()


def _ready(said: str | None) -> None:
    """Start what works, after the page: a worker that starts takes a processor for seconds. said: the page's notice."""
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
