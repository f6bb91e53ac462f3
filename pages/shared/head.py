"""The head of a page: its question, what it does, examples, and a sentence that was said to the person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import streamlit as st

from pages.shared import address, telling

_Given = TypeVar("_Given")


def title(question: str, lead: str = "") -> None:
    """Draw both, as HTML."""
    st.html(f'<h1 class="gi-title">{question}</h1>')
    if lead:
        st.html(f'<p class="gi-lead">{lead}</p>')


def word() -> None:
    """Draw the sentence of `address.say`, while it is recent."""
    said = address.word()
    if said:
        telling.warning(said)


def examples(entries: Iterable[tuple[str, str, _Given]], fill: Callable[[_Given], None], key: str = "example") -> None:
    """Draw a row of buttons, each (title, sentence, what `fill` is given by a click)."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="presets"):
        st.markdown("**Worth seeing**", width="content")
        for number, (name, sentence, given) in enumerate(entries):
            st.button(name, key=f"{key}_{number}", help=sentence, on_click=fill, args=(given,))
