"""The comparison wall: attacks as columns, defenses as rows, and what came back in every cell."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs import sweeps
from gi_core.settings import SpecError
from pages.shared import address, form, head, telling
from pages.shared.session import store
from pages.shared.sweeps import asking as asked
from pages.wall import asking, example, question, view

form.use(question.PAGE, question.FIRST)
address.visit("wall", "sweep")
st.html(view.STYLE)
number, sweep, wrong = asked.shown(), None, ""
if number is not None:
    try:
        sweep = sweeps.sweep_of(store(), number)
        wrong = "" if question.is_wall(sweep) else "This sweep is no wall: the page of sweeps shows it."
    except SpecError:
        wrong = "There is no such wall here: it may have been deleted, or the link is incomplete."
if sweep is not None and not wrong and st.session_state.get("wall.filled") != number:
    st.session_state["wall.filled"] = number
    question.fill(sweep)
walls = [job for job in store().jobs(kinds=("sweep",), limit=100) if question.of_wall(job.spec)]

with st.container(key="lab"):
    with st.container(key="head", gap="xsmall"):
        head.title(
            "Which defense stops which attack?",
            "One private picture, every attack against every defense: a column for each attack, a row for each"
            " defense, and in each cell what the server got.",
        )
        asking.earlier(walls, number)
        word = wrong or address.word()
        if word:
            telling.warning(word)
    with st.container(key="form", gap="small"):
        asking.draw()
    with st.container(key="stage", gap="small"):
        if sweep is not None and not wrong:
            view.draw(str(number), sweep)
        else:
            example.draw()
