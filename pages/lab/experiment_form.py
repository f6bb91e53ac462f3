"""The form: four steps and a button, as one fragment, so that a change redraws nothing else."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.lab import refining
from pages.shared import address, form, thumbnails
from pages.shared.experiment import launch, samples, steps
from pages.shared.experiment.defenses import effects

_STEPS: tuple[tuple[str, str, Callable[[], None]], ...] = (
    ("The private picture", "what the client has", samples.draw),
    ("The network", "what it trains", steps.network),
    ("The client", "what it sends", steps.client),
    ("The attack", "what the server tries", steps.attack),
)


@st.fragment
def draw() -> None:
    """All of it, and the address that goes with it."""
    steps.draw(_STEPS)
    _ending()
    address.sync()


def _ending() -> None:
    """The launch area looks again by itself only while an answer is awaited."""
    every = 0.6 if _waiting() else None
    st.session_state["launch.timer"] = every is not None
    st.fragment(_launch, run_every=every, key="launch")()


def _launch() -> None:
    launch.draw(refining.error)
    # an answer came, or drawing asked for a spectrum
    if st.session_state["launch.timer"] != _waiting() or effects.behind(form.current()):
        st.rerun(scope="app")


def _waiting() -> bool:
    return launch.awaited(form.current()) or refining.awaited(form.current()) or thumbnails.awaited()
