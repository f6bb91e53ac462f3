"""One picture closely: the original beside a simulated one, and the error over all noise levels."""

from __future__ import annotations

import streamlit as st

from gi_core.figures import captions, drawing
from gi_core.jobs.job import Job
from gi_core.numerics.spectrum import PRIOR
from pages.influence import evidence
from pages.influence.reading import Reading, short
from pages.shared import telling, words
from pages.shared.result import charts


def draw(job: Job, one: Reading, sigma: float) -> None:
    """Pictures and curve of the picture looked at."""
    name = words.escape(one.name)
    charts.heading(name, "the private picture, and what matching alone would make of it")
    if one.error:
        st.html(evidence.figures((evidence.picture(job, one), "Original", "")))
        telling.problem(one.error, "status")
        return
    rmse, prior = one.rmse(sigma), one.with_prior(sigma)
    protected = one.level(sigma) == "protected"
    off = f"worse than guessing grey ({PRIOR:g})" if protected else f"off by {short(rmse)} per pixel"
    st.html(
        evidence.figures(
            (evidence.picture(job, one), "Original", "what the client has"),
            (evidence.simulated(job, one, sigma), "Simulated prediction, not an attack", off),
        )
        + f'<p class="gi-about">Without a picture prior: {off}. With one (pixels are usually near grey): about'
        f" {short(prior)}. Better priors do better still.</p>"
    )
    _curve(one, sigma)


def _curve(one: Reading, sigma: float) -> None:
    charts.draw(
        drawing("curve", one.numbers, sigma, one.rmse(sigma)).under(captions.of_influence(None, one.numbers)),
        "influence_curve",
    )
