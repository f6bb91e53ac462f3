"""What is attacked, by name: network, what is sent, attack. A class that looks at a wall has no form to read it from."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.reports import sent
from gi_core.settings import ATTACKS, EVERY_MODEL, Experiment, SpecError, build
from pages.shared.words import escape


def draw(experiment: Experiment, large: bool = False) -> None:
    """One line. large: as it is read from the last row."""
    parts = [
        ("Network", EVERY_MODEL[experiment.model.kind].title or experiment.model.kind),
        *(("Sent", text) for text in [", ".join(sent.short(experiment.model_dump(mode="json")))] if text),
        ("Attack", ATTACKS[experiment.attack.kind].title),
    ]
    body = "".join(f"<span>{title} <b>{escape(text)}</b></span>" for title, text in parts)
    st.html(f'<p class="gi-named{" gi-large" * large}">{body}</p>')


def of_job(job: Job, large: bool = False) -> None:
    """The same of a run; nothing where its question can no longer be read."""
    try:
        draw(build(job.spec), large)
    except SpecError:
        return
