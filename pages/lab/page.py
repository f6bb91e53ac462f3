"""The attack lab: one experiment from click to live reconstruction."""

from __future__ import annotations

import streamlit as st

from pages.lab import chips, example, experiment_form
from pages.shared import address, form, stage, telling
from pages.shared.presets import presets
from pages.shared.result import compare, live

form.use(form.LAB, presets()[0].experiment)
address.arrive()
run = address.get("run")

if run is not None and stage.presenting():
    live.draw(run)
else:
    with st.container(key="lab"):
        with st.container(key="head", gap="xsmall"):
            st.html('<h1 class="gi-title">What can a server read back from an update?</h1>')
            st.html(
                '<p class="gi-lead">A client trains on a private picture and sends only numbers: a gradient, or how its '
                "weights changed. Choose an attack, and watch what comes back.</p>"
            )
            chips.draw()
            word = address.word()
            if word:
                telling.warning(word)
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
