"""The one way in which a page tells a person of a refusal, a problem, a notice or an error: in whole sentences."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from gi_core.settings import Experiment
from pages.shared import words

_NAME = re.compile(r"[^\s:,;]*\w[._/=]\w")
"""Begins with the name of a file, a setting or a tensor, which keeps its letters."""
_DRAWN = re.compile(r"\b(?:layer )?layer(\d+)\b(?![._]\w)")


def sentence(text: Any) -> str:
    """Begins with a capital and ends with a stop; `layer layer3` of a drawing is layer 3.

    A name keeps its letters: a setting by its path is introduced as one.
    """
    said = _DRAWN.sub(r"layer \1", str(text).strip())
    name = _NAME.match(said)
    if name and re.split(r"[.=]", said)[0] in Experiment.model_fields:
        said = f"The setting {said}"
    elif not name:
        said = said[:1].upper() + said[1:]
    return said + ("" if not said or re.search(r"[.?!…][\"'”’)]*$", said) else ".")


def problem(text: Any, role: str = "alert", kind: str = "") -> None:
    """What cannot be done, or went wrong, and what to change."""
    st.html(paragraph(text, role, kind))


def paragraph(text: Any, role: str = "alert", kind: str = "") -> str:
    """The same as HTML, inside something else. kind: a further class of the paragraph."""
    return f'<p class="{f"gi-problem {kind}".strip()}" role="{role}">{words.escape(sentence(text))}</p>'


def note(text: Any) -> None:
    """What is good to know of what is on show."""
    st.html(f'<p class="gi-about">{words.escape(sentence(text))}</p>')


def adapted(text: Any) -> None:
    """What the form set by itself because of what a person chose."""
    st.html(f'<p class="gi-sees" role="status">{words.escape(sentence(text))}</p>')


def error(text: Any) -> None:
    """A refusal that stands alone."""
    st.error(words.plain(sentence(text)))


def warning(text: Any) -> None:
    """What the address or a click asked for and could not get."""
    st.warning(words.plain(sentence(text)))


def caption(text: Any) -> None:
    """A notice in small print."""
    st.caption(words.plain(sentence(text)))
