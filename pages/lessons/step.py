"""One step of a lesson, top to bottom: question, prediction, the one control, the run, the answer, the slide."""

from __future__ import annotations

import streamlit as st

from gi_core.lessons import Lesson
from gi_core.lessons.lesson import Step
from gi_core.settings import SpecError
from pages.lessons import answer, printing, reading, slow, watch
from pages.lessons.reading import Place
from pages.shared import address, head, link, stage, telling, words
from pages.shared.experiment import launch
from pages.shared.result import named

_SEE = {
    "rank": "Rank analysis", "influence": "Influence", "federation": "Federation", "updates": "Updates", "frontier": "Frontier",
    "wall": "Comparison wall", "sweeps": "Sweeps", "deployment": "Check a deployment", "reproductions": "Reproductions",
}  # fmt: skip


def draw(lesson: Lesson, place: Place) -> None:
    """The whole step; in a presentation, what a class looks at."""
    step, present = lesson.steps[place.number - 1], stage.presenting()
    if present:
        stage.leave_button()
    jobs = reading.runs(place, step)
    with st.container(key="lesson", gap="small"):
        with st.container(key="lesson_ask", gap="small"):
            _head(lesson, place, step)
            _predictions(place, step)
            with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="lesson_controls"):
                _control(place, step)
                _run(place, step)
        with st.container(key="lesson_show", gap="small"):
            named.draw(step.asked(place.value), large=present)
            if place.value in jobs:
                watch.draw(jobs[place.value].id, place, step)
            slow.draw(place, step)
        with st.container(key="lesson_answer", gap="small"):
            answer.draw(place, step, jobs)
            _ways(lesson, place)
    if not present:
        _more(lesson, place, step)


def _head(lesson: Lesson, place: Place, step: Step) -> None:
    st.html(
        f'<p class="gi-about gi-where">{words.escape(lesson.title)} · step {place.number} of {len(lesson.steps)}</p>'
        f'<h1 class="gi-title">{words.escape(step.title)}</h1><p class="gi-asks">{words.escape(step.question)}</p>'
    )
    head.word()


def _predictions(place: Place, step: Step) -> None:
    """What one may predict; the last one said stands."""
    key = f"lesson_say.{place.name}.{place.number}"
    st.radio(
        "What do you predict?", range(len(step.choices)), reading.said(place), key=key,
        format_func=lambda k: words.plain(step.choices[k].text), on_change=lambda: reading.say(place, st.session_state[key]),
    )  # fmt: skip


def _control(place: Place, step: Step) -> None:
    """The one thing that may be changed."""
    if step.control is None:
        return
    key = f"lesson_value.{place.name}.{place.number}"
    if st.session_state.get(key) != place.value:  # by Back or a link; another key would show two controls for a moment
        st.session_state[key] = place.value
    st.segmented_control(
        words.plain(step.control.name), range(1, step.values + 1), required=True, key=key,
        format_func=lambda k: words.plain(step.label(k)), on_change=lambda: reading.choose(st.session_state[key]),
    )  # fmt: skip


def _run(place: Place, step: Step) -> None:
    """The button that plays it, once a prediction was made."""
    early = reading.said(place) is None
    label = f"Run: {step.label(place.value)}" if step.values > 1 else "Run it"
    st.button(
        words.plain(label), key="lesson_run", type="primary", icon=":material/play_arrow:", disabled=early, on_click=_play, args=(place, step),
    )  # fmt: skip
    if early:
        telling.caption("Choose a prediction first.")


def _play(place: Place, step: Step) -> None:
    """The run of this very experiment: one that is there, else a new one."""
    try:
        reading.keep(place, launch.start(step.asked(place.value), launch.ENOUGH))
    except SpecError as error:
        address.say(str(error))


def _ways(lesson: Lesson, place: Place) -> None:
    """Back, on, and the projector."""
    with st.container(horizontal=True, gap="small", key="lesson_ways"):
        st.button("All lessons", key="lesson_all", icon=":material/apps:", on_click=reading.go, args=(None,))
        if place.number > 1:
            st.button(
                "Previous step", key="lesson_before", icon=":material/arrow_back:", on_click=reading.go,
                args=(place.name, place.number - 1),
            )  # fmt: skip
        if place.number < len(lesson.steps):
            st.button(
                "Next step", key="lesson_next", icon=":material/arrow_forward:", on_click=reading.go,
                args=(place.name, place.number + 1),
            )  # fmt: skip
        elif (after := reading.after(place.name)) is not None:
            st.button(
                "Next lesson", key="lesson_after", icon=":material/arrow_forward:", on_click=reading.go, args=(after,),
            )  # fmt: skip
        if not stage.presenting():
            stage.present_button()


def _more(lesson: Lesson, place: Place, step: Step) -> None:
    """Where to go on from here, and what can be printed."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="lesson_more"):
        link.to_lab("Open in the lab, with every control", experiment=link.encode(step.asked(place.value)))
        if step.see is not None:
            st.page_link(f"pages/{step.see}/page.py", label=f"Go on: {_SEE[step.see]}", icon=":material/open_in_new:")
    printing.draw(lesson, place)
