"""Lessons: a question, a prediction, a run to watch, and the answer in what was measured."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import Experiment
from pages.lessons import reading, shelf, step
from pages.shared import address, form, head
from pages.shared.places import WEB

form.use(reading.PAGE, Experiment())
address.visit(reading.PAGE, *reading.NAMES)
st.html(WEB / "lessons.css")
found = reading.shown()
if found is None:
    head.title(
        "What does a gradient give away? Find out step by step.",
        "Each step asks a question, takes your prediction, and lets a real attack answer it.",
    )
    head.word()
    shelf.draw()
else:
    step.draw(*found)
