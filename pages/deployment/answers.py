"""The eight questions. The address holds the answers, so a link shows the same."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from gi_core.deployment import ASKED, Deployment, deployment
from gi_core.deployment.questions import UNKNOWN
from gi_core.settings import SpecError
from pages.shared import address

_EDITION = "deployment.edition"


def current() -> Deployment:
    """What is answered; an answer that is none counts as not known."""
    try:
        return deployment({name: address.value(name) or UNKNOWN for name in ASKED})
    except SpecError:
        return Deployment()


def draw() -> None:
    """Each question with its answers."""
    asked, edition = current(), st.session_state.get(_EDITION, 0)
    with st.grid(4, min_column_width=250, gap="small", key="deployment_questions"):
        for name, one in ASKED.items():
            key, values = f"deployment_{name}" + (f"_{edition}" if edition else ""), (UNKNOWN, *one.answers)
            now = getattr(asked, name)
            if st.session_state.get(key) != now:
                st.session_state[key] = now  # a link or Back has changed it
            st.selectbox(
                one.text,
                values,
                format_func=one.answer,
                key=key,
                help=one.help or None,
                on_change=_answered,
                args=(name, key, edition),
            )


def fill(said: Mapping[str, str]) -> None:
    """All answers at once. The widgets start anew: what the old ones still report would count as a person's change."""
    st.session_state[_EDITION] = st.session_state.get(_EDITION, 0) + 1
    address.show(**{name: None if value == UNKNOWN else value for name, value in said.items()})


def _answered(name: str, key: str, edition: int) -> None:
    """A person's answer. A tick of the timer that was on its way while files filled the form in reports its widgets of before,
    whose edition has passed: they are no wish of the person.
    """
    if edition != st.session_state.get(_EDITION, 0):
        return
    value = st.session_state[key]
    address.show(**{name: None if value == UNKNOWN else value})
