"""A lesson as a document: steps with a question, predictions, an experiment with one control, an answer and a slide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from gi_core.lessons.measures import measure
from gi_core.settings import Experiment, SpecError, problems
from gi_core.settings.base import Question, Settings, setting
from gi_core.settings.documents import read_toml
from gi_core.settings.overrides import overridden
from gi_core.settings.presets import preset
from gi_core.settings.sentences import made
from gi_core.settings.sweep import Axis

MOST_BYTES = 64 * 1024
MOST_STEPS, MOST_CHOICES, MOST_VALUES, MOST_LINES, MOST_SLOW = 8, 5, 5, 6, 30
PLACE = re.compile(r"\{(\w+)(?::(\d))?\}")
"""In an answer: {psnr}, a measure of the run of the control's first value; {psnr:2}, of its second."""
See = Literal["rank", "influence", "federation", "updates", "frontier", "wall", "sweeps", "deployment", "reproductions"]
Line = Annotated[str, Field(min_length=1, max_length=160)]
_VALUE: dict[str, Any] = {"ge": 1, "le": MOST_VALUES}


class Condition(Settings):
    """at_least <= measure of the run of a value [- measure of the run of another] < below."""

    measure: str = setting(..., "What is measured, such as psnr.", max_length=40)
    value: int = setting(1, "Of which run: the number of the control's value, from 1.", **_VALUE)
    minus: int | None = setting(None, "The run whose measure is taken off it.", **_VALUE)
    at_least: float | None = setting(None, "Holds from here.")
    below: float | None = setting(None, "Holds below this.")

    @field_validator("measure")
    @classmethod
    def _known(cls, value: str) -> str:
        measure(value)
        return value

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.below is None:
            raise ValueError("give at_least or below, or nothing is asked")
        return self

    @property
    def needs(self) -> set[int]:
        """Numbers of the values whose runs it takes."""
        return {self.value} | ({self.minus} if self.minus is not None else set())


class Choice(Settings):
    """A prediction, by which measured numbers it comes true (all conditions hold; without one: where no other did), and
    what is to be said then.
    """

    text: str = setting(..., "What a person may predict.", min_length=1, max_length=160)
    when: tuple[Condition, ...] = setting((), "When it is right; empty for: otherwise.", max_length=4)
    answer: str = setting("", "Why it came true, told only where it did.", max_length=1200)

    def places(self) -> Iterator[tuple[str, int]]:
        """Measures that the answer tells: (name, of which run)."""
        for found in PLACE.finditer(self.answer):
            yield found[1], int(found[2] or 1)

    @property
    def needs(self) -> set[int]:
        """Numbers of the values whose runs it takes."""
        return {n for condition in self.when for n in condition.needs} | {n for _, n in self.places()}


class Slide(Settings):
    """What stays of a step, for a wall."""

    title: str = setting(..., "Its title.", min_length=1, max_length=80)
    lines: tuple[Line, ...] = setting(..., "Its lines.", min_length=1, max_length=MOST_LINES)
    formula: str = setting("", "A formula in plain signs.", max_length=160)


class Step(Settings):
    """One question of a lesson, answered by a run."""

    title: str = setting(..., "What it is about.", min_length=1, max_length=80)
    question: str = setting(..., "What is asked before the run.", min_length=1, max_length=400)
    experiment: Experiment = setting(..., "What is run; `preset` in it names an example of the lab to begin from.")
    control: Axis | None = setting(None, "The one thing that may be changed.")
    choices: tuple[Choice, ...] = setting(..., "Predictions.", min_length=2, max_length=MOST_CHOICES)
    slide: Slide
    see: See | None = setting(None, "The page of the dashboard that goes on from here.")
    slow: int = setting(0, "Iterations that can be looked at one by one.", ge=0, le=MOST_SLOW)
    notes: str = setting("", "For the teacher.", max_length=1200)

    @field_validator("experiment", mode="before")
    @classmethod
    def _by_paths(cls, value: Any) -> Any:
        """As a sweep's base is written, from an example of the lab where `preset` names one."""
        if not isinstance(value, dict):
            return value
        changes = dict(value)
        title = changes.pop("preset", None)
        return overridden(Experiment() if title is None else preset(str(title)).experiment, changes)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.control is not None and len(self.control.values) > MOST_VALUES:
            raise ValueError(f"{self.title!r}: give at most {MOST_VALUES} values of the control")
        for number in range(1, self.values + 1):
            wrong = next((p.reason for p in problems(self.asked(number)) if p.fatal), None)
            if wrong:
                raise ValueError(f"{self.title!r}, run {number}: {wrong}")
        if any(not choice.when for choice in self.choices[:-1]):
            raise ValueError(f"{self.title!r}: only the last prediction may stand without when")
        if not any(choice.answer for choice in self.choices):
            raise ValueError(f"{self.title!r}: give the prediction that you expect to come true an answer")
        for name, _ in (place for choice in self.choices for place in choice.places()):
            measure(name)
        for number in (n for choice in self.choices for n in choice.needs):
            if not 1 <= number <= self.values:
                raise ValueError(f"{self.title!r} speaks of run {number}, and there are {self.values}")
        return self

    @property
    def values(self) -> int:
        """How many runs it offers."""
        return len(self.control.values) if self.control is not None else 1

    def asked(self, number: int) -> Experiment:
        """The experiment of a value of the control, from 1. Raises SpecError."""
        if self.control is None:
            return self.experiment
        return overridden(self.experiment, self.control.changes(number - 1))

    def label(self, number: int) -> str:
        """What a person reads for that value; "" without a control."""
        return self.control.label(number - 1) if self.control is not None else ""


class Lesson(Question):
    """title, one sentence, and steps."""

    schema_version: Literal[1] = 1
    title: str = setting(..., "What it is called in lists.", min_length=1, max_length=80)
    sentence: str = setting(..., "What one learns from it.", min_length=1, max_length=240)
    minutes: int = setting(10, "How long a class takes.", ge=1, le=240)
    notes: str = setting("", "For the teacher, before the first step.", max_length=2000)
    steps: tuple[Step, ...] = setting(..., "Its steps, in order.", min_length=1, max_length=MOST_STEPS)


def read_lesson(content: bytes | str) -> Lesson:
    """A lesson from the text of its TOML file. Raises SpecError with one sentence."""
    values = read_toml(content, MOST_BYTES, "the lesson")
    if not values:
        raise SpecError("the file holds no lesson: write a title, a sentence and [[steps]]")
    return made(Lesson, values, "the lesson is not valid: ")
