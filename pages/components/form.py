"""The experiment that a page's form shows: one value per page, changed one setting at a time.

Widgets start from this value and report changes to it. When it is filled from elsewhere (a link, a
preset) their keys change, so that every widget starts anew and none can show an old value.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.spec import Experiment, SpecError, build
from pages.components.presets import presets

LAB = "form"
SHARED = ("batch_norm", "statistics", "labels_known", "loss", "label")
"""Settings that mean the same for every client."""
_SHOWN = "form.shown"


def use(page: str, first: Experiment) -> None:
    """From here on this page's form is meant. first: what a newcomer finds in it."""
    st.session_state[_SHOWN] = page
    st.session_state[_at("start")] = first


def page() -> str:
    """Whose form is meant."""
    return st.session_state.get(_SHOWN, LAB)


def _at(part: str) -> str:
    return f"{page()}.{part}"


def current() -> Experiment:
    """The experiment as it stands in the form."""
    if _at("experiment") not in st.session_state:
        st.session_state[_at("experiment")] = start()
    return st.session_state[_at("experiment")]


def held(name: str) -> Experiment | None:
    """What another page's form holds, or None where nobody was there yet."""
    return st.session_state.get(f"{name}.experiment")


def start() -> Experiment:
    """What a newcomer finds in the form: the first preset, unless the page says otherwise."""
    return st.session_state.get(_at("start")) or presets()[0].experiment


def key(name: str) -> str:
    """The key of a widget in this edition of the form."""
    return f"{page()}{st.session_state.get(_at('edition'), 0)}.{name}"


def replace(experiment: Experiment) -> None:
    """Fill the whole form."""
    st.session_state[_at("experiment")] = experiment
    st.session_state[_at("edition")] = st.session_state.get(_at("edition"), 0) + 1
    st.session_state.pop(_at("wrong"), None)


def change(path: tuple[str | int, ...], value: Any) -> None:
    """Set one value; a value that does not fit is refused with a sentence and nothing changes."""
    document = current().model_dump(mode="json")
    here: Any = document
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    try:
        st.session_state[_at("experiment")] = build(document)
        st.session_state.pop(_at("wrong"), None)
    except SpecError as error:
        refuse(str(error))


def refuse(sentence: str) -> None:
    """A value that cannot be taken: the widgets start anew from what stands, and the form says why."""
    replace(current())
    st.session_state[_at("wrong")] = sentence


def choose(family: str, kind: str, first: dict[str, Any] | None = None, over: tuple[str, ...] = ()) -> None:
    """Another attack, network, client or source of weights; what was set on this kind before comes back.

    first: its values when it is chosen for the first time. over: settings that it takes over from the one before.
    """
    kept = st.session_state.setdefault(_at("kept"), {})
    now = getattr(current(), family).model_dump(mode="json")
    kept[(family, now["kind"])] = now
    chosen = kept.get((family, kind), first or {"kind": kind})
    change((family,), {**chosen, **{name: now[name] for name in over}})


def choose_defenses(kinds: list[str]) -> None:
    """Exactly these kinds of defense: those that are there as they are, others with the strength they had."""
    kept = st.session_state.setdefault(_at("kept"), {})
    now = [defense.model_dump(mode="json") for defense in current().defenses]
    kept |= {("defenses", settings["kind"]): settings for settings in now}
    here = [settings["kind"] for settings in now]
    new = [kept.get(("defenses", kind), {"kind": kind}) for kind in kinds if kind not in here]
    change(("defenses",), [settings for settings in now if settings["kind"] in kinds] + new)


def complaint() -> str | None:
    """Why the last change was refused."""
    return st.session_state.get(_at("wrong"))
