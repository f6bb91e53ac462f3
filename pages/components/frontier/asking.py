"""What is measured, in a compact form, how long it takes, and the button that starts it."""

from __future__ import annotations

import streamlit as st

from gi_core.runs.job import Job
from gi_core.spec import SpecError
from gi_core.spec.sweep import Sweep
from gi_core.sweeps import MEASURED
from pages.components import words
from pages.components.frontier import question
from pages.components.sweeps import asking

TRAINING = 6.0
"""Seconds of a short training on one core, where nothing was measured."""
LANES = 2
_SAID = "frontier.said"
_EMPTY = (
    '<ol class="gi-meanwhile"><li><b>What is measured:</b> a client sends one gradient of one picture, under each defense'
    " in turn. One attacker takes the update for plain, another knows the defense and allows for it.</li>"
    "<li><b>What it costs:</b> the same network is trained by five clients with the same defense switched on, and tested"
    " on pictures that no client has.</li>"
    "<li><b>What you will see:</b> leakage against accuracy, point by point as it comes in, and which settings no other"
    " one beats.</li></ol>"
)


def empty() -> None:
    """Before anything was drawn."""
    st.html(_EMPTY)


def launch(job: Job | None) -> None:
    """The button, with how much it is."""
    sweep = question.current()
    said = st.session_state.pop(_SAID, None)
    if said:
        asking.problem(said)
    try:
        found = asking.extent(sweep)
    except SpecError as error:
        asking.problem(str(error))
        return
    for reason in asking.reasons(found):
        st.html(f'<p class="gi-about">{words.escape(reason)}</p>')
    if job is not None and job.cache_key == sweep.key() and (not job.over or job.state == "done"):
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="frontier_launch"):
        st.button(
            "Draw the frontier", type="primary", icon=":material/play_arrow:", key="frontier_run", on_click=_start, args=(sweep,)
        )  # fmt: skip
        st.html(f'<p class="gi-estimate" role="status">{words.escape(f"{asking.size(found)}, {_time(sweep)}")}</p>')


def _time(sweep: Sweep) -> str:
    if sweep == question.first() and question.NAME in MEASURED:
        return f"about {words.span(MEASURED[question.NAME])} on two cores; points appear as they are found"
    found = asking.extent(sweep)
    attacks = asking.seconds(found)
    if attacks is None:
        return "the time is being estimated" if asking.awaited(found) else "the time is not known yet"
    return f"about {words.span((attacks + TRAINING * found.trainings) / LANES)} on two cores"


def _start(sweep: Sweep) -> None:
    try:
        asking.start(sweep)
    except SpecError as error:
        st.session_state[_SAID] = str(error)


@st.fragment
def form() -> None:
    """What varies and what stays, folded."""
    now, known = question.current(), question.settings_of(question.first())
    training = now.utility
    with st.expander("Choose what is measured", icon=":material/tune:", key="frontier_form"):
        with st.grid(3, min_column_width=240, gap="small"):
            refs = st.multiselect(
                "Pictures", question.pictures(), [v[0] for v in question.axis(now, "picture").values], max_selections=6,
                format_func=lambda ref: question.pictures()[ref], key="frontier_pictures",
            )  # fmt: skip
            size = st.number_input("Size in pixels", 8, 32, now.base.size or 20, key="frontier_size")
            network = st.selectbox(
                "Network", question.NETWORKS, format_func=question.NETWORKS.__getitem__, key="frontier_network",
                help="The one that is attacked is the one that is trained.",
            )  # fmt: skip
            data = st.selectbox(
                "Training data", question.DATA, format_func=question.DATA.__getitem__, key="frontier_data"
            )
            rounds = st.number_input("Rounds of training", 5, 300, training.rounds, key="frontier_rounds")  # type: ignore[union-attr]
            seeds = st.number_input(
                "Trainings of each setting", 1, 5, len(training.seeds), key="frontier_seeds",  # type: ignore[union-attr]
                help="From different initialisations; their spread is the error bar.",
            )  # fmt: skip
        chosen = st.multiselect(
            "Defenses and strengths", [k for k in known if k != "none"], [k for k in known if k != "none"], key="frontier_defenses"
        )  # fmt: skip
        more = st.text_area(
            "More of them, one on each line", key="frontier_more", height=76, max_chars=2000,
            placeholder="gaussian_noise:std=0.03\nclipping:norm=1 + gaussian_noise:std=0.1", help="As on a command line.",
        )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            if st.button("Use these", key="frontier_use", type="secondary"):
                _use(chosen, more, refs, int(size), network, data, int(rounds), int(seeds))
            if now != question.first() and st.button(
                "Back to the default grid", key="frontier_default", type="tertiary"
            ):
                question.hold(None)
                asking.show(None)
                st.rerun(scope="app")


def _use(*values) -> None:
    try:
        made = question.make(*values)
        asking.extent(made)
    except SpecError as error:
        asking.problem(str(error))
        return
    question.hold(None if made == question.first() else made)
    asking.show(None)
    st.rerun(scope="app")
