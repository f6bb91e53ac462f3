"""The compact form of what is measured: pictures, network, training, defenses and strengths."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import SpecError
from pages.frontier import question
from pages.shared import telling
from pages.shared.sweeps import asking


@st.fragment
def draw() -> None:
    """What varies and what stays, folded."""
    now, known = question.current(), question.settings_of(question.first())
    training = now.utility
    assert training is not None  # the default grid, and what this form makes of it, measure accuracy
    with st.expander("Choose what is measured", icon=":material/tune:", key="frontier_form"):
        with st.grid(3, min_column_width=240, gap="small"):
            refs = st.multiselect(
                "Pictures", question.pictures(), [v[0] for v in question.axis(now, "picture").values], max_selections=6,
                format_func=lambda ref: question.pictures()[ref], key="frontier_pictures",
            )  # fmt: skip
            size = st.number_input(
                "Size in pixels", 8, 32, now.base.size if isinstance(now.base.size, int) else 20, key="frontier_size"
            )
            network = st.selectbox(
                "Network", question.NETWORKS, format_func=question.NETWORKS.__getitem__, key="frontier_network",
                help="The same network is attacked, and trained to measure its accuracy.",
            )  # fmt: skip
            data = st.selectbox(
                "Training data", question.DATA, format_func=question.DATA.__getitem__, key="frontier_data"
            )
            rounds = st.number_input("Rounds of training", 5, 300, training.rounds, key="frontier_rounds")
            seeds = st.number_input(
                "Trainings of each setting", 1, 5, len(training.seeds), key="frontier_seeds",
                help="From different initialisations; their spread is the error bar.",
            )  # fmt: skip
        chosen = st.multiselect(
            "Defenses and strengths", [k for k in known if k != "none"], [k for k in known if k != "none"], key="frontier_defenses"
        )  # fmt: skip
        more = st.text_area(
            "More of them, one on each line", key="frontier_more", height=76, max_chars=2000,
            placeholder="gaussian_noise:std=0.03\nclipping:norm=1 + gaussian_noise:std=0.1", help="Write them as the command line takes them.",
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
        telling.problem(error)
        return
    question.hold(None if made == question.first() else made)
    asking.show(None)
    st.rerun(scope="app")
