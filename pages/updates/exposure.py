"""What the update is exposed to, before any attack: the risk meter in a sentence, with its reasons."""

from __future__ import annotations

import streamlit as st

from gi_core.settings import Experiment
from pages.shared import telling, words
from pages.shared.experiment import meter
from pages.shared.result import charts
from pages.shared.session import store


def draw(experiment: Experiment) -> None:
    """Draw what the form's preview says of the exposure, once it is there."""
    key, number, _ = st.session_state.get("launch.preview", ("", "", 0.0))
    job = store().job(number) if key == experiment.key() else None
    found = (job.result or {}).get("risk") if job is not None and job.state == "done" else None
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
