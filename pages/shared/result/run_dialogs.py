"""Questions before a run is renamed or deleted."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import SpecError
from pages.shared import telling, words
from pages.shared.session import store

_ASKED = "runs.asked"


def ask(run: str, action: str) -> None:
    """Open the dialog in the coming run of the whole page, so that refreshing cards cannot close it."""
    st.session_state[_ASKED] = (run, action)
    st.rerun()


def draw() -> None:
    """The dialog that was asked for, once."""
    run, action = st.session_state.pop(_ASKED, (None, None))
    job = store().job(run) if run else None
    if job is not None:
        (_rename if action == "rename" else _delete)(job.id, job.title or words.question(job.spec))


@st.dialog("Rename the run")
def _rename(run: str, title: str) -> None:
    name = st.text_input("Name", value=title, max_chars=200, key="rename_to")
    if st.button("Rename", type="primary", key="rename_ok"):
        _do(lambda: store().rename(run, name))


@st.dialog("Delete the run?")
def _delete(run: str, title: str) -> None:
    st.write(f"{words.plain(title)}: its pictures and curves will be gone for good.")
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key="delete_ok"):
            _do(lambda: store().delete(run))
        if st.button("Keep it", key="delete_no"):
            st.rerun()


def _do(action) -> None:
    try:
        action()
    except SpecError as error:
        telling.error(error)
        return
    st.rerun()
