"""One chosen defense: its strengths, its guarantee, what it did to the update, and its place in the order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from gi_core.settings.base import is_basic
from gi_core.settings.defense_base import DefenseSettings
from pages.shared import form, words
from pages.shared.experiment import about, fields, press
from pages.shared.experiment.defenses import effects, guarantee, strength


def draw(index: int, defense: DefenseSettings, count: int, found: effects.Measured, several: bool) -> None:
    """A compact row; exact values, and what it is, are behind the button in its head."""
    path: fields.Path = ("defenses", index)
    own = type(defense).model_fields
    strengths = [name for name, field in own.items() if is_basic(field)]
    alone = len(strengths) == 1 and fields.inner_type(own[strengths[0]].annotation)[0] in (int, float)
    aside = fields.name_of(own[strengths[0]], (*path, strengths[0])).lower() if alone else ""
    with st.container(key=f"defense_{index}", gap=None, border=True):
        with head(index, defense.title, aside):
            if count > 1:
                button("Earlier", "arrow_upward", index, index == 0, move, index, -1)
                button("Later", "arrow_downward", index, index == count - 1, move, index, 1)
            with st.popover(
                "", icon=":material/tune:", key=f"defense_more_{index}", type="tertiary", help="Exact values"
            ):
                _more(defense, path)
            if several:
                button("The same with another strength", "content_copy", index, False, again, index)
            button("Leave out", "close", index, False, leave_out, index)
        for strength_name in strengths:
            _strength(strength_name, defense, path, alone)
        st.html(guarantee.line(defense, form.current()) + effects.line(found, form.current(), index))


@contextmanager
def head(name: object, title: str, aside: str) -> Iterator[None]:
    """The line with its name, to which buttons are added."""
    with st.container(horizontal=True, gap=None, vertical_alignment="center", key=f"defense_head_{name}"):
        small = f" <small>{words.escape(aside)}</small>" if aside else ""
        st.html(f'<b class="gi-defense">{words.escape(title)}{small}</b>', width="stretch")
        yield


def button(what: str, icon: str, name: object, off: bool, act: Callable[..., None], *given: object) -> None:
    """One of its small buttons."""
    press.act(
        f"defense_{icon}_{name}", "", act, *given, icon=f":material/{icon}:", type="tertiary", help=what, disabled=off
    )  # fmt: skip


def _strength(name: str, defense: DefenseSettings, path: fields.Path, alone: bool) -> None:
    """A slider where one fits, else the field's own widget. alone: its name stands in the head of the row."""
    field, value, here = type(defense).model_fields[name], getattr(defense, name), (*path, name)
    label, scale = fields.name_of(field, here), f"{fields.joined(here)}.{defense.kind}.scale"

    def change(new: object) -> None:
        if form.kind_at(path) == defense.kind:
            form.change(here, new, seen=True)

    if not strength.draw(label, field, value, scale, change, labelled=not alone):
        fields.widget(field, here, value, defense)


def _more(defense: DefenseSettings, path: fields.Path) -> None:
    """What it is, where it was published, and every value to be typed."""
    st.html(about.part(defense) + guarantee.whole(defense, form.current()))
    own = type(defense).model_fields
    scaled = [n for n, f in own.items() if fields.inner_type(f.annotation)[0] in (int, float) or not is_basic(f)]
    fields.widgets(defense, path, [n for n in scaled if n != "kind"], columns=1)


def move(index: int, by: int) -> None:
    """Move it one place earlier or later."""
    order = list(form.current().defenses)
    order.insert(index + by, order.pop(index))
    _put(order)


def again(index: int) -> None:
    """Add the same defense once more, to be given another strength."""
    order = list(form.current().defenses)
    _put(order[: index + 1] + order[index:])


def leave_out(index: int) -> None:
    """Take it out; the strength of the last of its kind is kept for the next time."""
    order = list(form.current().defenses)
    if sum(d.kind == order[index].kind for d in order) == 1:
        form.choose_defenses([d.kind for k, d in enumerate(order) if k != index])
    else:
        _put(order[:index] + order[index + 1 :])


def _put(order: list[DefenseSettings]) -> None:
    form.replace(form.current().model_copy(update={"defenses": tuple(order)}))
