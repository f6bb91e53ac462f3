"""The experiment that the form shows: one value per session, changed one setting at a time.

Widgets start from this value and report changes to it. When it is filled from elsewhere (a link, a
preset) their keys change, so that every widget starts anew and none can show an old value.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.spec import Experiment, SpecError, build
from pages.components.presets import presets

_NOW, _KEPT, _WRONG, _EDITION = "form.experiment", "form.kept", "form.wrong", "form.edition"


def current() -> Experiment:
    """The experiment as it stands in the form."""
    if _NOW not in st.session_state:
        st.session_state[_NOW] = start()
    return st.session_state[_NOW]


def start() -> Experiment:
    """What a newcomer finds in the form: the first preset."""
    return presets()[0].experiment


def key(name: str) -> str:
    """The key of a widget in this edition of the form."""
    return f"form{st.session_state.get(_EDITION, 0)}.{name}"


def replace(experiment: Experiment) -> None:
    """Fill the whole form."""
    st.session_state[_NOW] = experiment
    st.session_state[_EDITION] = st.session_state.get(_EDITION, 0) + 1
    st.session_state.pop(_WRONG, None)


def change(path: tuple[str | int, ...], value: Any) -> None:
    """Set one value; a value that does not fit is refused with a sentence and nothing changes."""
    document = current().model_dump(mode="json")
    here: Any = document
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    try:
        st.session_state[_NOW] = build(document)
        st.session_state.pop(_WRONG, None)
    except SpecError as error:
        replace(current())
        st.session_state[_WRONG] = str(error)


def choose(family: str, kind: str) -> None:
    """Another attack, network or source of weights; what was set on this kind before comes back."""
    kept = st.session_state.setdefault(_KEPT, {})
    now = getattr(current(), family)
    kept[(family, now.kind)] = now.model_dump(mode="json")
    change((family,), kept.get((family, kind), {"kind": kind}))


def choose_defenses(kinds: list[str]) -> None:
    """Exactly these defenses, each with the strength it had."""
    kept = st.session_state.setdefault(_KEPT, {})
    for defense in current().defenses:
        kept[("defenses", defense.kind)] = defense.model_dump(mode="json")
    change(("defenses",), [kept.get(("defenses", kind), {"kind": kind}) for kind in kinds])


def complaint() -> str | None:
    """Why the last change was refused."""
    return st.session_state.get(_WRONG)
