"""Buttons that act on the question drawn beside them, and on no other.

A button's key carries the stamp of the form it was drawn with, so that a click on what is no longer true is distinguished from
one on what stands. A click is noted first and answered when the page is drawn, after everything that the same person
reported before it. If the form has moved on by then, nothing starts and one sentence says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.shared import form, telling

MOVED = "The form had changed before this click arrived, so nothing was started: look at it and press again."


def button(name: str, label: str, about: str = "", **look: Any) -> bool:
    """Draw it; whether it was pressed for what is drawn now. about: what it acts on besides the form, as a key.

    look: what `st.button` takes.
    """
    pressed, now = _pressed(), f"{form.stamp()}.{about}"
    st.button(label, key=f"{name}.{now}", on_click=_note, args=(name, now), **look)
    asked = pressed.pop(name, None)
    if asked is not None and asked != now:
        telling.problem(MOVED)
    return asked == now and not look.get("disabled", False)


def act(name: str, label: str, do: Callable[..., None], *given: Any, **look: Any) -> bool:
    """A button that changes the form at once: do(*given), unless what it was drawn beside no longer stands."""
    now = form.stamp()
    return st.button(label, key=f"{name}.{now}", on_click=_do, args=(now, do, *given), **look)


def _do(drawn: str, do: Callable[..., None], *given: Any) -> None:
    if drawn == form.stamp():
        do(*given)


def _pressed() -> dict[str, str]:
    return st.session_state.setdefault(f"{form.page()}.pressed", {})


def _note(name: str, drawn: str) -> None:
    """The last press counts."""
    _pressed()[name] = drawn
