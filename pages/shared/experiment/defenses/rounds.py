"""Measures of the round as chips and rows beside the defenses: more pictures, more steps, more clients."""

from __future__ import annotations

import streamlit as st

from gi_core.experiments.measures import MEASURES, Measure
from gi_core.settings import SpecError
from pages.shared import form, words
from pages.shared.experiment.defenses import guarantee, row


def chips() -> None:
    """Draw a chip for each measure; those that the form's experiment has are lit."""
    now = form.current()
    if now.recorded is not None:
        return
    lit = [kind for kind, m in MEASURES.items() if m.strength_of(now) is not None]
    key = form.key("measures", lit)
    st.pills(
        "Round", list(MEASURES), selection_mode="multi", default=lit, key=key, format_func=lambda k: MEASURES[k].title,
        on_change=form.report, args=(key, _chose, key),
    )  # fmt: skip


def rows() -> None:
    """Draw a row for each measure that is in place."""
    now = form.current()
    for kind, measure in MEASURES.items():
        strength = measure.strength_of(now)
        if strength is not None:
            _row(kind, measure, strength)


def _row(kind: str, measure: Measure, strength: int) -> None:
    asked, key = measure.strength, form.key(f"measure.{kind}", strength)
    counted = asked.high > asked.low + 1
    with st.container(key=f"defense_{kind}", gap=None, border=True):
        with row.head(kind, measure.title, asked.title.lower() if counted else ""):
            row.button("Leave out", "close", kind, False, _set, kind, asked.low)
        if counted:
            st.slider(
                asked.title, asked.low, max(asked.high, strength), strength, key=key, label_visibility="collapsed",
                on_change=form.report, args=(key, lambda: _set(kind, st.session_state[key])),
            )  # fmt: skip
        st.html(f'<p class="gi-about">{words.escape(measure.description)}</p>{guarantee.short(measure.guarantee)}')


def _chose(key: str) -> None:
    """The chip that was pressed, alone, is switched over."""
    now = form.current()
    for kind, measure in MEASURES.items():
        lit = measure.strength_of(now) is not None
        if (kind in st.session_state[key]) != lit:
            _set(kind, measure.strength.low if lit else measure.strength.default)


def _set(kind: str, strength: int) -> None:
    """Set a measure. It changes pictures and client too, so the whole form starts anew."""
    try:
        form.replace(MEASURES[kind].apply(form.current(), strength))
    except SpecError as error:
        form.refuse(str(error))
