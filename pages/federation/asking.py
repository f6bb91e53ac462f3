"""The form of the federation page: examples, four steps, and one button."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from gi_core.jobs import times
from gi_core.settings import SpecError
from gi_core.settings.federation import Federation
from pages.federation import question, steps
from pages.federation.examples import EXAMPLES
from pages.shared import fetching, head, telling, timing, words
from pages.shared.experiment import press
from pages.shared.experiment.steps import draw as draw_steps
from pages.shared.session import store

_SAID = "federation.said"
_STEPS: tuple[tuple[str, str, Callable[[], None]], ...] = (
    ("The pictures", "who holds what", steps.pictures),
    ("The training", "what all of them learn", steps.training),
    ("What is shared", "what leaves a client", steps.shared),
    ("The attack", "what the server tries", steps.attack),
)


def draw_examples() -> None:
    """Draw a row of buttons that fill the form."""
    head.examples(EXAMPLES, question.fill, "federation")


@st.fragment
def draw() -> None:
    """Everything that is asked."""
    draw_steps(_STEPS)
    with st.container(key="launch", gap="xsmall"):
        _launch(question.current())


def _launch(asked: Federation) -> None:
    """What stands in the way, and the button."""
    found = question.problems()
    said = st.session_state.pop(_SAID, None)
    job = question.shown()
    mine = job if job is not None and job.cache_key == f"federation:{asked.key()}" else None
    if mine is not None and mine.state == "failed" and said is None:
        said = mine.error
    sentences = list(dict.fromkeys([text for text, _ in found] + ([said] if said else [])))
    for text in sentences:
        telling.problem(text)
    fetching.offers(sentences, "federation")
    there = mine is not None and mine.state == "done"
    text = "Done: the same question has the same answer." if there else _extent(asked)
    st.html(f'<p class="gi-estimate" role="status">{words.escape(text)}</p>')
    if press.button(
        "run_federation", "Run the federation", type="primary", width="stretch",
        disabled=there or (mine is not None and not mine.over) or any(fatal for _, fatal in found),
    ):  # fmt: skip
        try:
            question.ask(asked)
        except SpecError as error:
            st.session_state[_SAID] = str(error)
        st.rerun(scope="app")


def _extent(asked: Federation) -> str:
    """How much work it is, in a line."""
    rounds = f"{asked.rounds} round{'s' * (asked.rounds > 1)} of {asked.clients} client{'s' * (asked.clients > 1)}"
    known = times.federation(store(), asked.model_dump(mode="json"))
    span = f" {telling.sentence(timing.said(known, 'batch'))}" if known is not None else ""
    if asked.attack is None:
        return f"{rounds}, no attack.{span}"
    attacks = sum(asked.attacks_in(number) for number in range(1, asked.rounds + 1)) * len(asked.victims)
    return f"{rounds}, {attacks} attack{'s' * (attacks > 1)}.{span}"
