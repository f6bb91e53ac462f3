"""How the view is looked at: attacker's view and presentation, both part of the address."""

from __future__ import annotations

import streamlit as st

from pages.shared import address, words
from pages.shared.places import WEB

_STYLE = WEB / "present.css"


def attackers_view() -> bool:
    """Whether the truth, and everything computed from it, is hidden."""
    return address.get("view") == "attacker"


def presenting() -> bool:
    """Whether only the pictures, the curve and the sentence are shown."""
    return address.get("present") == "1"


def other(title: str) -> None:
    """What is said above a result while the form asks for something else: web/lab.css shows it then."""
    st.html(
        f'<p class="gi-elsewhere" role="note"><b>Not what the form asks now.</b> Below is the result of {words.escape(title)}.'
        " Press Run attack to see that of the form.</p>"
    )


def switches() -> None:
    """The two toggles."""
    if st.session_state.get("attackers_view") != attackers_view():
        st.session_state["attackers_view"] = attackers_view()
    st.toggle(
        "Attacker's view", attackers_view(), key="attackers_view", on_change=_attacker,
        help="Hides the original and everything computed from it: this is all that the server has.",
    )  # fmt: skip
    present_button()


def present_button() -> None:
    """The way into the presentation."""
    st.button(
        "Present", key="present", icon=":material/fullscreen:", on_click=_present, args=(True,),
        help="Shows only the pictures, the curves and the sentence, as a projector needs it.",
    )  # fmt: skip


def leave_button() -> None:
    """The way out of the presentation, and the style that clears the page."""
    st.html(_STYLE)
    st.button(
        "Leave presentation", key="leave_present", type="tertiary", on_click=_present, args=(False,), shortcut="Escape"
    )


def _attacker() -> None:
    address.put(view="attacker" if st.session_state["attackers_view"] else None)
    st.session_state["live.restart"] = True  # the form hides the picture too


def _present(on: bool) -> None:
    address.put(present="1" if on else None)
    st.session_state["live.restart"] = True
