"""All lessons as cards, and a place to hand in one's own."""

from __future__ import annotations

import streamlit as st

from gi_core.lessons import Lesson, read_lesson, ready, ready_path
from gi_core.lessons.lesson import MOST_BYTES
from gi_core.settings import SpecError
from pages.lessons import reading
from pages.shared import telling, words
from pages.shared.experiment import uploads
from pages.shared.experiment.permitted import forbidden

_SAID = "lessons.refused"


def draw() -> None:
    """The ready ones in the order of teaching, then one's own."""
    with st.grid(3, min_column_width=270, gap="small", key="lesson_cards"):
        for number, (name, lesson) in enumerate(ready().items(), 1):
            with st.container(border=True, height="stretch", gap="xsmall", key=f"lesson_{name}"):
                _card(number, name, lesson)
    st.html('<h2 class="gi-sub">Your own lesson</h2>')
    telling.note("A lesson is a text file; no code is needed. Begin from one of the lessons above, or from this one.")
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="own_lesson"):
        st.file_uploader(
            "Lesson (TOML)", ["toml"], key="lesson_file", on_change=_take, max_upload_size=1,
            help=f"At most {MOST_BYTES // 1024} kB. docs/lessons.md tells what may stand in it.",
        )  # fmt: skip
        st.download_button(
            "An example to begin from", ready_path("gradient").read_text(), "lesson.toml", "application/toml",
            key="lesson_example", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
    refused = st.session_state.get(_SAID)
    if refused:
        telling.problem(refused)


def _card(number: int, name: str, lesson: Lesson) -> None:
    steps = f"{len(lesson.steps)} step" + "s" * (len(lesson.steps) > 1)
    st.html(
        f'<h2 class="gi-sub">{number}. {words.escape(lesson.title)}</h2><p class="gi-lead">{words.escape(lesson.sentence)}</p>'
        f'<p class="gi-about">{steps} · about {lesson.minutes} minutes</p>'
    )
    st.button("Begin", key=f"begin_{name}", icon=":material/play_arrow:", on_click=reading.go, args=(name,))


def _permit(lesson: Lesson) -> None:
    """Raises SpecError where a step asks for what a page cannot open: a link to the lesson would fail for everybody."""
    for number, step in enumerate(lesson.steps, 1):
        for value in range(1, step.values + 1):
            wrong = [p.reason for p in forbidden(step.asked(value)) if p.fatal]
            if wrong:
                raise SpecError(f"step {number} of the lesson: {wrong[0]}")


def _take() -> None:
    """Read the file that was handed in, keep it by its hash, and open it; or say what is wrong with it."""
    file = st.session_state.get("lesson_file")
    st.session_state.pop(_SAID, None)
    if file is None:
        return
    content = file.getvalue()
    try:
        _permit(read_lesson(content))
        reading.go(uploads.keep_text(content, MOST_BYTES))
    except SpecError as error:
        st.session_state[_SAID] = str(error)
