"""What is printed of a lesson: a handout for the class, without answers, and notes for the teacher."""

from __future__ import annotations

from gi_core.lessons.lesson import PLACE, Choice, Condition, Lesson, Step
from gi_core.lessons.measures import MEASURES
from gi_core.reports.commands import command
from gi_core.reports.parts import Code, Facts, Heading, Paragraph, Part, Report, Sentences
from gi_core.settings import ATTACKS, EVERY_MODEL

_LINE = "_" * 64


def of(lesson: Lesson, notes: bool = False) -> Report:
    """The handout, or with notes=True what the teacher has beside it."""
    parts: list[Part] = []
    if notes:
        parts.append(Facts((("Time", f"{lesson.minutes} minutes"), ("Steps", str(len(lesson.steps))))))
        if lesson.notes:
            parts.append(Paragraph(lesson.notes))
    for number, step in enumerate(lesson.steps, 1):
        parts += [Heading(f"{number}. {step.title}"), Paragraph(step.question)]
        parts += _for_the_teacher(step) if notes else _for_the_class(step)
    if not notes:
        parts += _formulas(lesson)
    return Report(lesson.title, "notes for the teacher" if notes else "lesson", lesson.sentence, tuple(parts))


def _for_the_class(step: Step) -> list[Part]:
    parts: list[Part] = [Facts(_setting(step)), Paragraph("What do you predict?")]
    parts += [Paragraph(f"☐ {choice.text}") for choice in step.choices]
    parts.append(Paragraph("What was measured, and which prediction came true?"))
    return [*parts, Paragraph(_LINE), Paragraph(_LINE)]


def _formulas(lesson: Lesson) -> list[Part]:
    """Those of the slides, at the end: beside its question a formula would give the answer away."""
    found = tuple((step.slide.title, step.slide.formula) for step in lesson.steps if step.slide.formula)
    return [Heading("Formulas", "to look at after the runs"), Facts(found)] if found else []


def _for_the_teacher(step: Step) -> list[Part]:
    parts: list[Part] = [Facts(_setting(step))]
    parts.append(
        Sentences(tuple(f"{choice.text} {_when(step, choice)}{_said(step, choice)}" for choice in step.choices))
    )
    if step.notes:
        parts.append(Paragraph(step.notes))
    parts.append(Paragraph(f"Slide: {step.slide.title}. " + " ".join(step.slide.lines)))
    for number in range(1, step.values + 1):
        label = f", {step.label(number)}" if step.values > 1 else ""
        # unfolded: on paper nobody can open what is folded
        parts += [Paragraph(f"Run {number}{label}, on a command line:"), Code(command(step.asked(number)), "bash")]
    return parts


def _setting(step: Step) -> tuple[tuple[str, str], ...]:
    """What is fixed, and what may be changed."""
    asked = step.experiment
    facts = [
        ("Network", EVERY_MODEL[asked.model.kind].title or asked.model.kind),
        ("Attack", ATTACKS[asked.attack.kind].title),
        ("Pictures", str(asked.pictures)),
    ]
    if step.control is not None:
        facts.append((step.control.name, "; ".join(map(step.label, range(1, step.values + 1)))))
    return tuple(facts)


def _said(step: Step, choice: Choice) -> str:
    """Its answer, with names in place of the numbers that a run will measure."""
    said = PLACE.sub(lambda found: f"[{MEASURES[found[1]].title}{_of(step, int(found[2] or 1))}]", choice.answer)
    return f": {said}" if said else ""


def _of(step: Step, number: int) -> str:
    return f", run {number}" if step.values > 1 else ""


def _when(step: Step, choice: Choice) -> str:
    """The rule of a prediction for a person."""
    if not choice.when:
        return "(where no other came true)"
    return "(" + "; and ".join(_bounds(step, condition) for condition in choice.when) + ")"


def _bounds(step: Step, condition: Condition) -> str:
    measure = MEASURES[condition.measure]
    name = measure.title + (f" less that of run {condition.minus}" if condition.minus is not None else "")
    bounds = [f"at least {measure.shown(condition.at_least)}"] * (condition.at_least is not None)
    bounds += [f"below {measure.shown(condition.below)}"] * (condition.below is not None)
    return f"{name} {' and '.join(bounds)}{f' in run {condition.value}' * (step.values > 1)}"
