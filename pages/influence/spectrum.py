"""The spectrum of one picture, and its directions: which patterns the gradient shows, and which it hides."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from gi_core.analysis.influence import simulate
from gi_core.figures import captions, drawing
from gi_core.figures.influence import places as by_rank
from gi_core.jobs.job import Job
from pages.influence import evidence
from pages.influence.reading import Reading, short, times
from pages.shared import words
from pages.shared.result import charts

_RANK = "influence_direction"


def draw(job: Job, one: Reading, parameters: int | None, sigma: float) -> None:
    """Eigenvalues by rank beside the browser of directions."""
    if one.error:
        return
    kept, ranks = evidence.kept(one), list[int]()
    if kept is not None and kept[2].shape[1]:
        ranks = [len(kept[0].values) - int(place) for place in kept[1]][::-1]
    rank = _slider(ranks) if ranks else None
    with st.grid(2, min_column_width=300, gap="medium"):
        with st.container(gap="xsmall"):
            charts.heading("The spectrum", "how strongly the gradient shows each pattern, strongest first")
            _plot(one, kept, rank)
            st.html(f'<p class="gi-about">{_condition(one)}</p>')
        with st.container(gap="xsmall"):
            charts.heading("Its directions", "the same amount of noise, all in one pattern")
            if rank is None or kept is None:
                st.html(f'<p class="gi-about">{_missing(one, kept is None)}</p>')
            else:
                _directions(job, one, kept, ranks, rank, sigma * math.sqrt(parameters or 1))


def _slider(ranks: list[int]) -> int:
    """Drawn under the pictures; its value is needed by the plot before."""
    now = st.session_state.get(_RANK)
    return now if now in ranks else ranks[len(ranks) // 2]


def _plot(one: Reading, kept: evidence.Kept | None, rank: int | None) -> None:
    if kept is not None:  # the weights say how many eigenvalues a node of an estimate stands for
        values, weights = kept[0].values[::-1], kept[0].weights[::-1]
        places = np.cumsum(weights) - weights / 2 + 0.5
        at = np.unique(np.linspace(0, len(values) - 1, min(400, len(values))).round().astype(int))
        values, places = values[at], places[at]
    else:
        places, values = by_rank(one.numbers["spectrum"])
    drawn = drawing("spectrum", one.numbers, (places, values), rank).under(captions.of_influence(None, one.numbers))
    charts.draw(drawn, "influence_spectrum")


def _condition(one: Reading) -> str:
    """Exact or estimated, and what the ends of the spectrum mean."""
    found = one.numbers
    top, least = found["eigenvalue_max"], found["eigenvalue_min"]
    if found["exact"]:
        how = f"All {found['spectrum']['pixels']} eigenvalues, exact."
    else:
        how = f"Estimated from random probes: the predicted error is good to about ± {100 * one.spread:.0f} %."
    if not least or least <= 1e-14 * top:
        return how + " Some patterns do not show in the gradient at all: only a prior can fill them in."
    ratio = math.sqrt(top / least)
    kind = "Noise spreads evenly" if ratio < 30 else "Noise hits some patterns far harder than others"
    return (
        how
        + f" {kind}: the best-hidden one is blurred {times(ratio)} times as much as the best-shown one (condition {top / least:.1e})."
    )


def _missing(one: Reading, gone: bool) -> str:
    if gone:
        return "The directions gave way to those of other pictures: change a setting and back, and ask again."
    return (
        "The picture is too large, or the network too slow, for all directions: the spectrum above is estimated without"
        " them. A smaller size shows them."
    )


def _directions(
    job: Job, one: Reading, kept: evidence.Kept, ranks: list[int], rank: int, size: float
) -> None:  # fmt: skip
    """The strongest, the chosen and the weakest: the pattern, and the picture after noise of this size along it."""
    spectrum, _, vectors = kept
    truth = evidence.picture(job, one)
    if truth is None or vectors.shape[0] != truth.size:
        return
    pixels = truth.transpose(2, 0, 1) / 255
    scale = np.asarray(spectrum.std)[:, None, None]
    damage = spectrum.directional(size)
    columns = []
    for title, r in (("Best shown", ranks[0]), (f"Number {rank}", rank), ("Best hidden", ranks[-1])):
        column, place = len(ranks) - 1 - ranks.index(r), len(spectrum.values) - r
        step = vectors[:, column].reshape(pixels.shape) * scale
        off = damage[place] * float(np.sqrt((step**2).mean()))
        pattern = evidence.to_bytes(simulate.direction(vectors, column, pixels.shape))
        after = evidence.to_bytes(pixels + damage[place] * step)
        columns.append(
            f'<div><b>{title}</b><img src="{evidence.src(pattern)}" alt="Pattern of direction {r}">'
            f'<img src="{evidence.src(after)}" alt="The picture after noise along direction {r}">'
            f"<span>eigenvalue {spectrum.values[place]:.2g}</span><span>off by <b>{short(off)}</b></span></div>"
        )
    st.html(f'<div class="gi-directions" role="group" aria-label="Directions">{"".join(columns)}</div>')
    st.select_slider("Direction, from the best shown to the best hidden", ranks, rank, key=_RANK)
    st.html(
        f'<p class="gi-about">Above: the pattern. Below: {words.escape(one.name)} when all of the noise (as much of it as at'
        " the slider's σ) is put along that pattern. The same amount hides the picture or leaves it readable: where it points"
        " decides.</p>"
    )
