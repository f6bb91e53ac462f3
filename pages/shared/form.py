"""The experiment that a page's form shows: one value per page, held here and nowhere else.

Widgets start from this value and report changes to it. A report carries the key that its widget was drawn with, and the
key carries the page, the form's edition and the widget's own number. A browser repeats what it last showed until it has
seen the answer: a report from a widget that is gone, or that shows what no longer stands, is refused, and the form stays
what it is. `stamp` says which state was drawn; a press of a button that was drawn beside another one starts nothing.

The file stays whole: whatever changes the experiment also decides which widgets keep their keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from gi_core.settings import Experiment, SpecError, build
from gi_core.settings.presets import first_visit

LAB = "form"
SHARED = ("batch_norm", "statistics", "labels_known", "loss", "label")
"""Settings that mean the same for every client."""
_SHOWN = "form.shown"
_NOTHING = object()


def use(page: str, first: Experiment) -> None:
    """Make the form of this page the current one. first: what a newcomer finds in it."""
    if st.session_state.get(_SHOWN) != page:
        st.session_state[f"{page}.pressed"] = {}  # a press belongs to the view it was made in
    st.session_state[_SHOWN] = page
    st.session_state[_at("start")] = first


def page() -> str:
    """The page whose form is the current one."""
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
    """What a newcomer finds in the form: that of the lab, unless the page says otherwise."""
    return st.session_state.get(_at("start")) or first_visit()


def edition() -> int:
    """How often the whole form was filled anew."""
    return st.session_state.get(_at("edition"), 0)


def stamp() -> str:
    """Page, edition, and turn: it stays while a person's own widgets say all there is to know, and no longer."""
    return f"{page()}{edition()}t{st.session_state.get(_at('turn'), 0)}"


def turn() -> None:
    """More has changed than a widget shows by itself: what was drawn before is out of date."""
    st.session_state[_at("turn")] = st.session_state.get(_at("turn"), 0) + 1


def _seats() -> dict[str, tuple[int, Any]]:
    """Widget -> (its number, the value that it shows)."""
    return st.session_state.setdefault(_at("seats"), {})


def key(name: str, shows: Any = _NOTHING) -> str:
    """The key of a widget in this edition of the form.

    shows: its value. A widget keeps its key while it shows what the form holds; where something else changed that, it
    starts anew from there.
    """
    if shows is _NOTHING:
        return f"{page()}{edition()}.{name}"
    shows = list(shows) if isinstance(shows, (list, tuple)) else shows
    seat = _seats().get(name)
    if seat is None or seat[1] != shows:
        st.session_state[_at("number")] = number = st.session_state.get(_at("number"), 0) + 1
        _seats()[name] = seat = (number, shows)
    return f"{page()}{edition()}-{seat[0]}.{name}"


def report(key: str, act: Callable[..., None], *given: Any) -> None:
    """A widget's `on_change`: act(*given), unless the widget of that key is no part of the form as it stands.

    A widget that is away is new to Streamlit when the browser repeats it: where it says what it showed, nobody changed it.
    """
    head, _, name = key.partition(".")
    seat = _seats().get(name)
    if head == f"{page()}{edition()}":
        act(*given)
    elif seat is not None and head == f"{page()}{edition()}-{seat[0]}" and key in st.session_state:
        value = st.session_state[key]
        value = list(value) if isinstance(value, (list, tuple)) else value
        if value != seat[1]:
            _seats()[name] = (seat[0], value)
            act(*given)


def kind_at(path: tuple[str | int, ...]) -> str | None:
    """What kind of part stands at this place; "" where parts have no kinds, None where there is none."""
    here: Any = current()
    try:
        for part in path:
            here = here[part] if isinstance(part, int) else getattr(here, part)
    except (IndexError, AttributeError, TypeError):
        return None
    return getattr(here, "kind", "")


def unseat(prefix: str, *kinds: str) -> None:
    """What the fields of these kinds show no longer stands: they start anew, and nothing that they still report counts."""
    ends = tuple(f".{kind}{more}" for kind in kinds for more in ("", ".scale"))
    for name in [name for name in _seats() if name.startswith(prefix) and name.endswith(ends)]:
        del _seats()[name]


def replace(experiment: Experiment) -> None:
    """Fill the whole form."""
    st.session_state[_at("experiment")] = experiment
    st.session_state[_at("edition")] = edition() + 1
    st.session_state[_at("seats")] = {}
    st.session_state.pop(_at("wrong"), None)
    st.session_state.pop(_at("awaits"), None)
    turn()


def change(path: tuple[str | int, ...], value: Any, seen: bool = False) -> None:
    """Set one value; a value that does not fit is refused with a sentence and nothing changes.

    seen: it is what the person's widget shows by itself.
    """
    document = current().model_dump(mode="json")
    here: Any = document
    try:
        for part in path[:-1]:
            here = here[part]
        here[path[-1]] = value
        found = build(document)
    except (KeyError, IndexError, TypeError):
        return  # a setting of something that the form no longer has
    except SpecError as error:
        refuse(str(error))
        return
    st.session_state[_at("experiment")] = found
    st.session_state.pop(_at("wrong"), None)
    if not seen or found.model_dump(mode="json") != document:
        turn()


def adapt(experiment: Experiment, said: list[str]) -> None:
    """Settings that follow from what a person has just chosen; a sentence for each is shown until the next change."""
    now = current()
    for family in ("attack", "client", "server", "model"):
        kinds = getattr(now, family).kind, getattr(experiment, family).kind
        if kinds[0] != kinds[1]:
            unseat(family + ".", *kinds)
    st.session_state[_at("experiment")] = experiment
    st.session_state.pop(_at("wrong"), None)
    st.session_state[_at("adapted")] = (experiment.key(), said)
    turn()


def adapted() -> list[str]:
    """What was adapted to the last choice."""
    key, said = st.session_state.get(_at("adapted"), ("", []))
    return said if key == current().key() else []


def remember(name: str, value: Any) -> None:
    """Something of this page's form that is no part of the experiment; None forgets it."""
    st.session_state[_at(name)] = value


def remembered(name: str) -> Any:
    """What was remembered by this name, or None."""
    return st.session_state.get(_at(name))


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
    unseat(family + ".", now["kind"], kind)
    st.session_state.pop(_at("awaits"), None)
    change((family,), {**chosen, **{name: now[name] for name in over}})


def choose_defenses(kinds: list[str]) -> None:
    """Exactly these kinds of defense: those that are there as they are, others with the strength they had."""
    kept = st.session_state.setdefault(_at("kept"), {})
    now = [defense.model_dump(mode="json") for defense in current().defenses]
    kept |= {("defenses", settings["kind"]): settings for settings in now}
    here = [settings["kind"] for settings in now]
    new = [kept.get(("defenses", kind), {"kind": kind}) for kind in kinds if kind not in here]
    unseat("defenses.", *(settings["kind"] for settings in now))
    change(("defenses",), [settings for settings in now if settings["kind"] in kinds] + new)


def wait(sentence: str) -> None:
    """A person chose something that is not there yet, such as a file: until it is, what is shown cannot be run."""
    st.session_state[_at("awaits")] = sentence
    turn()


def awaits() -> str | None:
    """What a person still has to give, in a sentence."""
    return st.session_state.get(_at("awaits"))


def complaint() -> str | None:
    """Why the last change was refused."""
    return st.session_state.get(_at("wrong"))
