"""Handout, notes for the teacher, and the lesson's file; each is made by its click."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from gi_core.common.uploads import upload_path
from gi_core.lessons import Lesson, handout, ready_path
from gi_core.reports import pdf, writing
from pages.lessons.reading import Place
from pages.shared import telling

_MIMES = {".html": "text/html", ".pdf": "application/pdf"}


def draw(lesson: Lesson, place: Place) -> None:
    """A row for each document."""
    lacking = pdf.lacking()
    with st.expander("Print it, or write your own from it", type="compact", key="lesson_print"):
        for what, notes in (("Handout", False), ("Notes for the teacher", True)):
            with st.container(horizontal=True, gap="xsmall"):
                for ending in _MIMES:
                    _button(lesson, what, notes, ending, lacking if ending == ".pdf" else "")
        if lacking:
            telling.caption(lacking)
        st.download_button(
            "This lesson (TOML)", lambda: _file(place.name).read_bytes(), "lesson.toml", "application/toml", key="lesson_toml",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip


def _button(lesson: Lesson, what: str, notes: bool, ending: str, lacking: str) -> None:
    name = "notes" if notes else "handout"
    st.download_button(
        f"{what} ({ending[1:].upper()})", lambda: writing.content(handout.of(lesson, notes), ending), f"{name}{ending}", _MIMES[ending],
        key=f"lesson_{name}{ending}", on_click="ignore", icon=":material/download:", disabled=bool(lacking),
    )  # fmt: skip


def _file(name: str) -> Path:
    return upload_path(name) if name.startswith("upload:") else ready_path(name)
