"""What a server gains by hiding what it prepared, as it was measured: a sentence and a chart below a run whose server changed the network."""

from __future__ import annotations

import streamlit as st

from gi_core.analysis.stealth import measured, sentence
from gi_core.figures import drawing
from gi_core.jobs.job import Job
from pages.shared import words
from pages.shared.result import charts


def draw(job: Job) -> None:
    """Of a finished run that says what its client could notice; nothing else."""
    result, kind = job.run_result, (job.spec.get("server") or {}).get("kind", "")
    if result is None or "model_check" not in result or kind not in {m.server for m in measured()}:
        return
    with st.expander("What hiding is worth to the server", type="compact", key="fold.stealth"):
        st.html(
            f'<p class="gi-about">A server may add random numbers to what it prepared (<i>Softness</i>). {words.escape(sentence(kind))}.'
            " Each mark is one softness, growing to the left; measured apart from this run, with 16 pictures.</p>"
        )
        charts.draw(drawing("stealth", measured()), "stealth")
