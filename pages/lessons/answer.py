"""The prediction beside what was measured, why it came true, and the slide."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.lessons import judging
from gi_core.lessons.lesson import Slide, Step
from pages.lessons import reading
from pages.lessons.reading import Place
from pages.shared import telling, words


def draw(place: Place, step: Step, jobs: Mapping[int, Job]) -> None:
    """Nothing before the first run; until all runs that decide are done, which ones are still to be played."""
    if not jobs:
        return
    results = {value: job.run_result for value, job in jobs.items() if job.run_result is not None}
    found = judging.outcome(step, results)
    if found is None:
        open_ = [step.label(value) for value in judging.needed(step) if value not in jobs]
        if open_:
            telling.note(f"The answer needs another run: choose {' and '.join(open_)} above, and run it.")
        return
    st.html(_outcome(step, found, reading.said(place)))
    if found.answer:
        st.html(f'<p class="gi-answer">{words.escape(found.answer)}</p>')
    slide(step.slide)


def _outcome(step: Step, found: judging.Outcome, said: int | None) -> str:
    """Predicted, measured, came true."""
    predicted = step.choices[said].text if said is not None else "you made no prediction"
    true = step.choices[found.right].text if found.right is not None else "none of the predictions"
    right = said is not None and said == found.right
    sign = ("✓ " if right else "✕ ") if said is not None else ""
    rows = (("You predicted", sign + predicted), ("Measured", "; ".join(found.measured)), ("Came true", true))
    body = "".join(f"<dt>{title}</dt><dd>{words.escape(text)}</dd>" for title, text in rows)
    return f'<div role="status"><dl class="gi-outcome{" gi-right" * right}">{body}</dl></div>'


def slide(one: Slide) -> None:
    """What stays of the step."""
    formula = f'<p class="gi-formula">{words.escape(one.formula)}</p>' if one.formula else ""
    lines = "".join(f"<li>{words.escape(line)}</li>" for line in one.lines)
    st.html(f'<section class="gi-slide"><h2>{words.escape(one.title)}</h2>{formula}<ul>{lines}</ul></section>')
