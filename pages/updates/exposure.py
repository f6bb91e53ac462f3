"""What the update is exposed to, before any attack: the risk meter in a sentence, with its reasons."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import Experiment
from pages.shared import telling, words
from pages.shared.experiment import launch, meter
from pages.shared.result import charts


def draw(experiment: Experiment) -> None:
    """Draw what the form's preview says of the exposure, once it is there."""
    answer = launch.answer(experiment)
    found = answer.get("risk") if answer else None
    if not found:
        return
    charts.heading("What it is exposed to", "before any attack")
    head, _, rest = found["sentence"].partition(": ")
    reasons = "".join(f"<li>{words.escape(telling.sentence(reason))}</li>" for reason in found["reasons"])
    st.html(
        f'<div class="gi-answer gi-exposure gi-{found["level"]}" role="status"><i aria-hidden="true">{meter.SIGNS[found["level"]]}</i>'
        f"<div><h2>{words.escape(head)}</h2><p>{words.escape(telling.sentence(rest))}</p><ul>{reasons}</ul>"
        f"<small>{words.escape(meter.SMALL_PRINT)}</small></div></div>"
    )
