"""Which prediction was right, by what the runs measured; and why, with those numbers. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gi_core.lessons.lesson import PLACE, Choice, Condition, Step
from gi_core.lessons.measures import MEASURES
from gi_core.types.result import Result

Results = Mapping[int, Result]
"""Number of the control's value, from 1 -> what its run measured."""


@dataclass(frozen=True)
class Outcome:
    """right: number of the prediction that came true, from 0; None where none did. measured: the numbers that decided.
    answer: why it came true, with numbers; "" where the lesson does not say.
    """

    right: int | None
    measured: tuple[str, ...]
    answer: str


def needed(step: Step) -> tuple[int, ...]:
    """The values whose runs decide between the predictions and are told of, in their order."""
    return tuple(sorted({number for choice in step.choices for number in choice.needs})) or (1,)


def outcome(step: Step, results: Results) -> Outcome | None:
    """Which prediction came true: the first whose conditions all hold. None until the runs that decide are there."""
    if not set(needed(step)) <= set(results):
        return None
    right = next((k for k, choice in enumerate(step.choices) if _holds(choice, results)), None)
    asked = dict.fromkeys(
        (condition.measure, number)
        for choice in step.choices
        for condition in choice.when
        for number in sorted(condition.needs)
    )
    said = "" if right is None else step.choices[right].answer
    answer = PLACE.sub(lambda found: _shown(found[1], int(found[2] or 1), results), said)
    return Outcome(
        right,
        tuple(_told(step, name, number, results) for name, number in sorted(asked, key=lambda one: one[1])),
        answer,
    )


def _holds(choice: Choice, results: Results) -> bool:
    return all(_true(condition, results) for condition in choice.when)


def _true(condition: Condition, results: Results) -> bool:
    """False where one of its numbers was not measured: nothing is concluded from what is not there."""
    of = MEASURES[condition.measure].of
    value = of(results[condition.value])
    less = of(results[condition.minus]) if condition.minus is not None else 0.0
    if value is None or less is None:
        return False
    difference = value - less
    enough = condition.at_least is None or difference >= condition.at_least
    return enough and (condition.below is None or difference < condition.below)


def _told(step: Step, name: str, number: int, results: Results) -> str:
    of = f" ({step.label(number)})" if step.values > 1 else ""
    return f"{MEASURES[name].title}{of}: {_shown(name, number, results)}"


def _shown(name: str, number: int, results: Results) -> str:
    return MEASURES[name].shown(MEASURES[name].of(results[number]))
