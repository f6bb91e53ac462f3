"""The compact form of what is measured: pictures, server, network, training, defenses and strengths."""

from __future__ import annotations

import streamlit as st

from gi_core.experiments.sweeps.frontier_sweep import DISHONEST, MEDICAL, SERVERS, SETTINGS, Asked
from gi_core.settings import SpecError
from pages.frontier import question
from pages.shared import telling
from pages.shared.sweeps import asking

_BOTH = {True: "One who knows the defense, and one who does not", False: "One who knows the defense"}
_TIMES = "frontier.times"


def _key(name: str) -> str:
    """Of a widget; another one each time that the form is filled anew."""
    times = st.session_state.get(_TIMES, 0)
    return f"frontier_{name}" + (f"_{times}" if times else "")


@st.fragment
def draw() -> None:
    """What varies and what stays, folded."""
    now = question.asked()
    with st.expander("Choose what is measured", icon=":material/tune:", key="frontier_form"):
        made = _training(now, _attacked(now))
        names = [name for name in SETTINGS if name != "none"]
        chosen = st.multiselect(
            "Defenses and strengths", names, [name for name in now.settings if name in names], key=_key("defenses"),
            help="Secure aggregation: as many clients as there are pictures behind an update, whose sum alone the server sees.",
        )  # fmt: skip
        more = st.text_area(
            "More of them, one on each line", "\n".join(name for name in now.settings if name not in SETTINGS), key=_key("more"),
            height=76, max_chars=2000, placeholder="gaussian_noise:std=0.03\nclipping:norm=1 + gaussian_noise:std=0.1",
            help="Write them as the command line takes them; secure_aggregation may stand among them.",
        )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            if st.button("Use these", key="frontier_use", type="secondary"):
                _use(made, chosen, more)
            if now != DISHONEST and st.button(
                "A server that fishes", key="frontier_dishonest", type="tertiary",
                help="What secure aggregation does against a server that fishes, and what DP-SGD does.",
            ):  # fmt: skip
                _hold(DISHONEST)
            if now != Asked() and st.button("Back to the default grid", key="frontier_default", type="tertiary"):
                _hold(None)


def _attacked(now: Asked) -> dict:
    """Pictures, server and attacker."""
    known = question.pictures()
    with st.grid(3, min_column_width=240, gap="small"):
        refs = st.multiselect(
            "Pictures", list(known), list(now.pictures), max_selections=20, format_func=known.__getitem__, key=_key("pictures"),
            help="Each is attacked by itself. Eight are enough to tell a defense that holds from none; more make the intervals narrower.",
        )  # fmt: skip
        size = st.number_input("Size in pixels", 8, 32, now.size, key=_key("size"))
        colour = st.toggle("In colour", now.channels == 3, key=_key("colour"))
        servers = st.multiselect(
            "Server", list(SERVERS), list(now.servers), format_func=lambda name: SERVERS[name][0], key=_key("servers"),
            help="A dishonest server changes the network that it sends, so that one picture of a batch comes back by itself.",
        )  # fmt: skip
        behind = st.number_input(
            "Pictures behind an update", 1, len(MEDICAL), now.behind, key=_key("behind"),
            help="The attacked picture and those after it, of one client, or one each of clients whose updates are summed.",
        )  # fmt: skip
        attack = st.selectbox(
            "Attack", list(question.ATTACKS), list(question.ATTACKS).index(now.attack), format_func=question.ATTACKS.__getitem__,
            key=_key("attack"), help="Rows that a dishonest server prepared are read in closed form whatever stands here.",
        )  # fmt: skip
        both = st.selectbox(
            "Attacker", [True, False], [True, False].index(now.both), format_func=_BOTH.__getitem__, key=_key("both")
        )
        controls = st.toggle(
            "Standing controls", now.controls, key=_key("controls"),
            help="What the attack makes of noise of the same length, of another client's update, and of its prior alone: lines beside the"
            " points. A point that is no further than a line shows nothing of the update.",
        )  # fmt: skip
    return {
        "pictures": tuple(refs), "size": int(size), "channels": 3 if colour else 1, "servers": tuple(servers), "behind": int(behind),
        "attack": attack, "both": both, "controls": controls,
    }  # fmt: skip


def _training(now: Asked, attacked: dict) -> Asked:
    """With the network and how its accuracy is measured."""
    with st.grid(4, min_column_width=200, gap="small"):
        network = st.selectbox(
            "Network", list(question.NETWORKS), list(question.NETWORKS).index(now.network), format_func=question.NETWORKS.__getitem__,
            key=_key("network"), help="The same network is attacked, and trained to measure its accuracy.",
        )  # fmt: skip
        data = st.selectbox(
            "Training data", list(question.DATA), list(question.DATA).index(now.data), format_func=question.DATA.__getitem__,
            key=_key("data"),
        )  # fmt: skip
        rounds = st.number_input("Rounds of training", 5, 300, now.rounds, key=_key("rounds"))
        seeds = st.number_input(
            "Trainings of each setting", 1, 5, now.seeds, key=_key("seeds"),
            help="From different initialisations; their spread is the error bar.",
        )  # fmt: skip
    return Asked(
        **attacked,
        network=network,
        data=data,
        rounds=int(rounds),
        seeds=int(seeds),
        name=now.name,
        question=now.question,
    )


def _use(made: Asked, chosen: list[str], more: str) -> None:
    try:
        found = question.make(made, chosen, more)
        asking.extent(question.frontier_of(found))
    except SpecError as error:
        telling.problem(error)
        return
    _hold(found)


def _hold(asked: Asked | None) -> None:
    """The form asks this from now on, and its widgets start anew from it."""
    question.hold(None if asked == Asked() else asked)
    st.session_state[_TIMES] = st.session_state.get(_TIMES, 0) + 1
    asking.show(None)
    st.rerun(scope="app")
