"""The values of a form whose widgets are not always drawn: Streamlit forgets those of a widget that is away."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import streamlit as st

_KEPT = "sweeps.kept"


def widget(key: str, first: Any, options: Container[Any] | None = None) -> dict[str, Any]:
    """The arguments that a widget takes to show its value as it was left, else `first`.

    options: what a choice, or each of several, must be of. A change is kept before anything is drawn: a click that
    follows at once may draw a view without this widget.
    """
    kept, state = st.session_state.setdefault(_KEPT, {}), st.session_state
    value = state[key] if key in state else kept.get(key, first)
    several = value if isinstance(value, list) else [value]
    fits = options is None or all(v is None or v in options for v in several)
    if key not in state or not fits:
        state[key] = value if fits else first
    kept[key] = state[key]
    return {"key": key, "on_change": _changed, "args": (key,)}


def _changed(key: str) -> None:
    put(key, st.session_state[key])


def put(key: str, value: Any) -> None:
    """The widget shows this when it is drawn next."""
    st.session_state.setdefault(_KEPT, {})[key] = value
