"""The attack lab: one experiment from click to live reconstruction."""

from __future__ import annotations

import streamlit as st

from gi_core.settings.presets import first_visit
from pages.lab import chips, example, experiment_form
from pages.shared import address, form, head, stage
from pages.shared.result import compare, live

form.use(form.LAB, first_visit())
address.arrive()
run = address.get("run")

if run is not None and stage.presenting():
    live.draw(run)
else:
    with st.container(key="lab"):
        with st.container(key="head", gap="xsmall"):
            head.title(
                "What can a server read back from an update?",
                "A client trains on a private picture and sends only numbers: a gradient, or how its weights changed."
                " Choose an attack, and watch what comes back.",
            )
            chips.draw()
            head.word()
        with st.container(key="form", gap="small"):
            experiment_form.draw()
        with st.container(key="stage", gap="small"):
            pair = compare.found([run, address.get("beside")])
            if run is None:
                example.draw()
            elif len(pair) == 2:
                compare.beside(pair)
            else:
                live.draw(run)
