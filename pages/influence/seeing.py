"""One picture closely: the original beside a simulated one, and the error over all noise levels."""

from __future__ import annotations

import numpy as np
import streamlit as st

from gi_core.analysis.risk import BLURRED
from gi_core.jobs.job import Job
from gi_core.numerics.spectrum import PRIOR
from pages.influence import evidence
from pages.influence.reading import Reading, short
from pages.shared import telling, words
from pages.shared.result import charts
from pages.shared.result.curves import COLOURS

_LOW, _HIGH = -4.0, 1.0
"""Powers of ten of the error that the chart shows."""


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
    curve = one.numbers["curve"]
    series: list[charts.Option] = []
    errors = (("without a prior", curve["rmse"]), ("with a prior", curve["rmse_with_prior"]))
    for number, (title, values) in enumerate(errors):
        points = [
            [np.log10(s), np.log10(r), s, r]
            for s, r in zip(curve["noise_std"], values, strict=True)
            if r and _LOW <= np.log10(r) <= _HIGH
        ]
        series.append({
            "type": "line", "name": title, "data": points, "symbol": "none", "encode": {"x": 0, "y": 1, "tooltip": [3]},
            "lineStyle": {"color": COLOURS[number], "width": 2, "type": ("solid", "dashed")[number]},
            "itemStyle": {"color": COLOURS[number]},
        })  # fmt: skip
    at = np.log10(sigma)
    series[0]["markLine"] = charts.mark(xAxis=at)
    series[0]["markLine"]["data"].append({"yAxis": np.log10(BLURRED)})
    inside = [[at, np.log10(r), sigma, r] for r in (one.rmse(sigma),) if _LOW <= np.log10(r) <= _HIGH]
    series.append({
        "type": "scatter", "name": "now", "data": inside, "symbolSize": 11, "itemStyle": {"color": COLOURS[0]},
        "encode": {"x": 0, "y": 1, "tooltip": [3]}, "silent": True,
    })  # fmt: skip
    charts.draw(
        series, charts.powers("noise σ"), charts.along("error per pixel", min=_LOW, max=_HIGH), "influence_curve",
        "Predicted error per pixel over noise levels, without and with a picture prior", height=210,
        legend={"data": ["without a prior", "with a prior"], "right": 8, "bottom": 44, "orient": "vertical", "itemStyle": {"opacity": 0}},
        tooltip={"trigger": "axis", "confine": True, "valueFormatter": "%.2g"},
    )  # fmt: skip
