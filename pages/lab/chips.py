"""The lab's examples as chips: one click fills the form, says what there is to see, and plays it."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import SpecError
from gi_core.settings.presets import Preset, presets
from pages.shared import address, form, words
from pages.shared.experiment import launch
from pages.shared.session import store

_PLAYED = "chips.played"


def draw() -> None:
    """A row for each group of experiments; beside a run the rows fold into one line, for the result is what counts then."""
    with st.container(key="presets", gap="xsmall"):
        for row, group in enumerate(dict.fromkeys(preset.group for preset in presets())):
            with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key=f"presets_{row}"):
                st.markdown(f"**{group}**", width="content")
                for number, preset in enumerate(presets()):
                    if preset.group == group:
                        st.button(
                            preset.title, key=f"preset_{number}", help=preset.sentence, on_click=play, args=(preset,)
                        )
    now = form.current()
    shown = next((preset for preset in presets() if preset.experiment == now), None)
    if shown is not None:
        st.html(f'<p class="gi-promise"><b>{words.escape(shown.title)}.</b> {words.escape(shown.sentence)}</p>')


def play(preset: Preset) -> None:
    """Fill the form with it and show its run: one that is there, else a new one. A run played before gives way."""
    form.replace(preset.experiment)
    try:
        before = store().job(st.session_state.get(_PLAYED, ""))
        run = launch.start(preset.experiment, launch.ENOUGH)
        if before is not None and before.id != run and before.state in launch.GOING_ON:
            store().control(before.id, "cancel")
    except SpecError as error:
        address.put(run=None, beside=None)
        address.say(str(error))
        return
    st.session_state[_PLAYED] = run
    launch.show(run)
