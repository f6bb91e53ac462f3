"""The attack lab: one experiment from click to live reconstruction."""

from __future__ import annotations

import streamlit as st

from pages.components import address, example, experiment_form, live, presets, stage, words

address.arrive()
run = address.shown()

if run is not None and stage.presenting():
    live.draw(run)
else:
    st.title("What can a server read back from one gradient?", anchor=False)
    st.html(
        '<p class="gi-lead">A client trains on a private picture and sends only a gradient. '
        "Choose the picture, the network and the attack, and watch what comes back.</p>"
    )
    presets.draw()
    word = address.take_word()
    if word:
        st.warning(words.plain(word))
    with st.container(horizontal=True, wrap=False, gap="large", key="lab"):
        with st.container(width=370, key="form", gap="small"):
            experiment_form.draw()
        with st.container(key="stage", gap="small"):
            if run is None:
                example.draw()
            else:
                live.draw(run)
