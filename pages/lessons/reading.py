"""Which lesson and which step the address asks for, and what this session has said and run of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from gi_core.common.uploads import upload_path
from gi_core.jobs.job import Job, valid_id
from gi_core.lessons import Lesson, read_lesson, ready
from gi_core.lessons.lesson import Step
from gi_core.settings import SpecError, build
from gi_core.settings.documents import whole_number
from pages.shared import address
from pages.shared.session import store

PAGE = "lessons"
NAMES = ("lesson", "step", "value", "run", "present")
_SAID, _PLAYED = "lessons.said", "lessons.played"


@dataclass(frozen=True)
class Place:
    """A step of a lesson. name: of the lesson in the address. number: of the step, from 1. value: of its control, from 1."""

    name: str
    number: int
    value: int

    @property
    def key(self) -> tuple[str, int]:
        """Of the step, in what a session keeps."""
        return self.name, self.number


def shown() -> tuple[Lesson, Place] | None:
    """The lesson of the address and the place in it; None for the list of lessons, also where there is no such lesson."""
    name = address.get("lesson")
    if name is None:
        return None
    try:
        lesson = _own(name) if name.startswith("upload:") else ready().get(name)
    except SpecError as error:
        address.say(str(error))
        lesson = None
    if lesson is None:
        if name and not name.startswith("upload:"):
            address.say("There is no such lesson here: choose one below.")
        return None
    number = _within(address.get("step"), len(lesson.steps))
    return lesson, Place(name, number, _within(address.get("value"), lesson.steps[number - 1].values))


def go(name: str | None, number: int = 1) -> None:
    """Show this step, or the list of lessons for None."""
    step = str(number) if name is not None else None
    address.put(lesson=name, step=step, value=None, run=None)


def after(name: str) -> str | None:
    """The lesson that is taught next; None after the last one and after one's own."""
    names = list(ready())
    return names[names.index(name) + 1] if name in names[:-1] else None


def choose(value: int) -> None:
    """Another value of the control, with its run where this session has played it."""
    address.put(value=str(value), run=None)


def _within(text: str | None, most: int) -> int:
    number = whole_number(text) if text else None
    return min(max(number or 1, 1), most)


@lru_cache(maxsize=32)
def _parsed(content: bytes) -> Lesson:
    return read_lesson(content)


def _own(ref: str) -> Lesson:
    """A lesson that was handed in here before. Raises SpecError."""
    try:
        return _parsed(upload_path(ref).read_bytes())
    except OSError:
        raise SpecError("this lesson is no longer on this machine: hand the file in again") from None


def said(place: Place) -> int | None:
    """Which prediction this session has made, from 0."""
    return st.session_state.get(_SAID, {}).get(place.key)


def say(place: Place, choice: int | None) -> None:
    """Keep a prediction as long as the session lasts."""
    st.session_state.setdefault(_SAID, {})[place.key] = choice


def keep(place: Place, run: str) -> None:
    """A run that this session has played, shown from now on."""
    st.session_state.setdefault(_PLAYED, {})[(*place.key, place.value)] = run
    address.put(run=run)


def runs(place: Place, step: Step) -> dict[int, Job]:
    """Value of the control -> its run, of those that this session has played and of the one in the address."""
    played = st.session_state.get(_PLAYED, {})
    asked = {value: played.get((*place.key, value)) for value in range(1, step.values + 1)}
    asked[place.value] = address.get("run") or asked[place.value]
    jobs = {value: store().job(run) for value, run in asked.items() if run is not None and valid_id(run)}
    return {value: job for value, job in jobs.items() if job is not None and _of(job, step, value)}


def _of(job: Job, step: Step, value: int) -> bool:
    """Whether it is a run of this very experiment: a link may name any."""
    try:
        return job.kind == "run" and build(job.spec).key() == step.asked(value).key()
    except SpecError:
        return False
