"""How the view is looked at: attacker's view and presentation, both part of the address."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_STYLE = Path(__file__).parent / "web" / "present.css"


def attackers_view() -> bool:
    """Whether the truth, and everything computed from it, is hidden."""
    return st.query_params.get("view") == "attacker"


def presenting() -> bool:
    """Whether only the pictures, the curve and the sentence are shown."""
    return st.query_params.get("present") == "1"


def switches() -> None:
    """The two toggles."""
    if st.session_state.get("attackers_view") != attackers_view():
        st.session_state["attackers_view"] = attackers_view()
    st.toggle(
        "Attacker's view", attackers_view(), key="attackers_view", on_change=_attacker,
        help="Hides the original and everything computed from it: this is all that the server has.",
    )  # fmt: skip
    st.button(
        "Present", key="present", icon=":material/fullscreen:", on_click=_present, args=(True,),
        help="Only the pictures, the curves and the sentence, for a projector.",
    )  # fmt: skip


def leave_button() -> None:
    """The way out of the presentation, and the style that clears the page."""
    st.html(_STYLE)
    st.button("Leave presentation", key="leave_present", type="tertiary", on_click=_present, args=(False,), shortcut="Escape")


def _attacker() -> None:
    _param("view", "attacker" if st.session_state["attackers_view"] else None)


def _present(on: bool) -> None:
    _param("present", "1" if on else None)
    st.session_state["live.restart"] = True


def _param(name: str, value: str | None) -> None:
    if value is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value
