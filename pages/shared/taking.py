"""The button that offers what a page shows to take away. The dialog is drawn by the page's surroundings, so that no refresh closes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

_ASKED, _PAGE = "taking.asked", "taking.page"


@dataclass(frozen=True)
class Asked:
    """ids: of the runs, or of the one sweep, federation or influence. truth: whether originals may be told. trial: on show.
    rank: a rank analysis as JSON, which no store keeps.
    """

    ids: tuple[str, ...] = ()
    truth: bool = True
    trial: int = 0
    rank: dict[str, Any] | None = field(default=None, repr=False)


def button(asked: Asked, key: str) -> None:
    """A click opens the dialog in the coming run of the whole page. key: tells buttons of one page apart."""
    if st.button(
        "Take away", key=f"take.{key}", icon=":material/ios_share:",
        help="Report, one page for decision makers, figures for a paper, files, link, and how to run it again.",
    ):  # fmt: skip
        st.session_state[_ASKED] = (asked, st.session_state.get(_PAGE))
        st.rerun()


def asked(page: str) -> Asked | None:
    """What the dialog is to be about, until it is closed or another page is shown. page: the address of the one on show."""
    st.session_state[_PAGE] = page
    found, where = st.session_state.get(_ASKED, (None, ""))
    if where != page:
        close()
        return None
    return found if isinstance(found, Asked) else None


def close() -> None:
    """The dialog was closed."""
    st.session_state.pop(_ASKED, None)
