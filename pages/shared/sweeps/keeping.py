"""The values of a form whose widgets are not always drawn: Streamlit forgets those of a widget that is away."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import streamlit as st

_KEPT = "sweeps.kept"


def start(key: str, first: Any, options: Container[Any] | None = None) -> str:
    """The widget's key, its value set: as it was left, else `first`. options: what a choice, or each of several, must be of."""
    kept, state = st.session_state.setdefault(_KEPT, {}), st.session_state
    value = state[key] if key in state else kept.get(key, first)
    several = value if isinstance(value, list) else [value]
    fits = options is None or all(v is None or v in options for v in several)
    if key not in state or not fits:
        state[key] = value if fits else first
    return key


def keep(*keys: str) -> None:
    """Remember these widgets' values as they stand."""
    st.session_state.setdefault(_KEPT, {}).update({key: st.session_state[key] for key in keys})


def put(key: str, value: Any) -> None:
    """The widget shows this when it is drawn next."""
    st.session_state.setdefault(_KEPT, {})[key] = value
