"""The labels of a run, for a step that asks for them: those that were true beside those that the server read."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.lessons.lesson import Step
from pages.shared import words
from pages.shared.result import charts

_ASKS = {"labels", "label_accuracy"}


def draw(job: Job, step: Step) -> None:
    """A row for each class: how many pictures it has, and how many the server counts. Nothing where no rule is about labels."""
    if job.run_result is None or not _ASKS & {rule.measure for choice in step.choices for rule in choice.when}:
        return
    labels = job.run_result["labels"]
    names = labels["names"] if job.spec.get("labels") is None else []  # a class that the lesson gave has no name
    true, read = Counter(labels["true"] or ()), Counter(labels["recovered"])
    body = "".join(
        f"<tr><th scope='row'>{words.escape(_named(k, names))}</th><td>{true[k]}</td><td>{read[k]}</td>"
        f"<td>{'✓' if true[k] == read[k] else '✕'}</td></tr>"
        for k in sorted({*true, *read})
    )
    head = "".join(f"<th scope='col'>{one}</th>" for one in ("Class", "Pictures", "Read by the server", "Right"))
    charts.heading("Labels", "read from the gradient alone, before any picture")
    st.html(f'<table class="gi-table gi-labels"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')


def _named(label: int, names: list[str]) -> str:
    return f"{label}: {names[label]}" if 0 <= label < len(names) else f"class {label}"
