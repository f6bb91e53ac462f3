"""The form of the updates page: files, network, what the files do not say, attack, and one button."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from gi_core.types.inspection import read
from pages.shared import address, form, telling, timing, words
from pages.shared.experiment import launch, press, steps
from pages.updates import example, giving, names, network, question, unsaid

_SHOWN = "updates.shown"
_NEEDED = "Give the update and the checkpoint in step 1, or take the example."


@st.fragment
def draw() -> None:
    """All steps; when a change asks for another look into the files, the page follows."""
    question.settle()
    job, wrong = looked()
    parts: list[tuple[str, str, Callable[[], None]]] = [
        ("The files", "what the server has", giving.draw),
        ("The network", "what the client trained", partial(network.draw, job)),
        ("Not in the files", "say what you know", partial(unsaid.draw, job)),
        ("The attack", "what the server tries", steps.attack),
    ]
    steps.draw(parts if "update" in question.files() and refusal(job, wrong) is None else parts[:1])
    _ending(job, wrong)
    address.sync()
    now = looked()[0]  # what was just changed may ask for another look
    number = now.id if now is not None else ""
    if st.session_state.get(_SHOWN, number) != number:
        st.session_state[_SHOWN] = number
        st.rerun(scope="app")
    st.session_state[_SHOWN] = number


def looked() -> tuple[Job | None, str | None]:
    """(the look into the files, why it cannot be asked for)."""
    try:
        return question.inspected(), None
    except SpecError as error:
        return None, str(error)


def refusal(job: Job | None, wrong: str | None) -> str | None:
    """Why the files cannot be read at all, in a sentence."""
    if wrong is None and (job is None or job.state != "failed"):
        return None
    return names.said(wrong or (job.error if job is not None else "") or "the worker did not say why: give other files")


def obstacle(job: Job | None, wrong: str | None) -> str | None:
    """Why nothing can be attacked yet, in a sentence; empty while a worker still looks."""
    found = question.files()
    if refusal(job, wrong):
        return "Nothing can be attacked: these files were refused. Give others in step 1."
    if "update" not in found or "checkpoint" not in found:
        missing = [part for part in ("update", "checkpoint") if part not in found]
        return f"Give the {missing[0]} too: an attack needs both." if len(missing) == 1 else _NEEDED
    if job is None or not job.over:
        return ""
    seen = read(job.result)
    if seen and not seen["finite"]:
        return f"the update holds values that are not finite, in {', '.join(seen['not_finite'][:3])}: a real update has none"
    if seen and seen["problem"]:
        return "The files do not fit the network: choose it in step 2."
    return None


def _ending(job: Job | None, wrong: str | None) -> None:
    """What stands in the way; else meter, estimate and button, which look again by themselves while they wait."""
    why = obstacle(job, wrong)
    if why is None and form.current().recorded is not None:
        every = 0.6 if launch.awaited(form.current()) else None
        st.session_state["updates.timer"] = every is not None
        st.fragment(_launch, run_every=every, key="launch")()
        return
    with st.container(key="launch", gap="xsmall"):
        bad = why and why != _NEEDED and "too:" not in why
        if bad:
            telling.problem(why)
        else:
            text = telling.sentence(why or "a worker looks into the files…")
            st.html(f'<p class="gi-estimate" role="status">{words.escape(text)}</p>')
        if form.complaint():
            telling.problem(form.complaint() or "")
        press.button("run_attack", "Run attack", type="primary", width="stretch", disabled=True)


def _launch() -> None:
    launch.draw(lambda experiment, answer: None)
    if st.session_state["updates.timer"] != launch.awaited(form.current()):
        st.rerun(scope="app")


def draw_examples() -> None:
    """One button: a round is played here, and its files are attacked."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="presets"):
        st.markdown("**No files at hand?**", width="content")
        st.button(
            "Show me an example", key="updates_example", on_click=example.ask, disabled=example.waiting(),
            help="A client's round is played here on a medical picture with a name in it; its files are inspected and attacked:"
            f" {timing.of_run(example.SECONDS, example.ROUND.attack.kind, example.ROUND.model.kind)}.",
        )  # fmt: skip
