"""Charts of one picture under several weights."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from gi_core.figures import captions, drawing
from gi_core.types.influence import Influence
from pages.influence.reading import Reading, short, times
from pages.shared.result import charts

Found = Mapping[str, tuple[Reading, Influence]]


def inits(found: Found, sigma: float) -> None:
    """Predicted errors of each way to draw the weights; the lowest bar leaks most."""
    errors = {name: (one.rmse(sigma), one.with_prior(sigma)) for name, (one, _) in found.items()}
    charts.draw(drawing("inits", errors).under(_caption(found, sigma)), "influence_inits_chart")
    order = sorted(found, key=lambda name: found[name][0].rmse(1.0))
    if len(order) > 1:
        ratio = found[order[-1]][0].rmse(1.0) / found[order[0]][0].rmse(1.0)
        st.html(
            f'<p class="gi-about">At equal noise <b>{order[0]}</b> leaks most and <b>{order[-1]}</b> least, by a factor of'
            f" {times(ratio)} in the error. An attack may still fail where a network is hard to search.</p>"
        )


def epochs(found: Found, sigma: float) -> None:
    """Predicted error and gradient norm by epoch."""
    names = list(found)
    lines = {
        "error per pixel": [one.rmse(sigma) for one, _ in found.values()],
        "with a prior": [one.with_prior(sigma) for one, _ in found.values()],
        "gradient norm": [one.numbers["gradient_norm"] for one, _ in found.values()],
    }
    charts.draw(drawing("epochs", names, lines).under(_caption(found, sigma)), "influence_epochs_chart")
    right_on = [
        f"{name}: {100 * accuracy:.0f} %"
        for name, (_, answer) in found.items()
        if (accuracy := answer.get("accuracy")) is not None
    ]
    if right_on:
        st.html(
            f'<p class="gi-about">The network is right on new pictures after so many epochs: {", ".join(right_on)}.</p>'
        )
    worst = min(names, key=lambda name: found[name][0].rmse(1.0))
    stage = "before training" if worst == "0" else f"after {worst} epoch" + "s" * (worst != "1")
    st.html(
        f'<p class="gi-about">Most of this picture leaks <b>{stage}</b>: off by {short(found[worst][0].rmse(sigma))} at this'
        " noise. A network that is sure of the label sends a fainter gradient.</p>"
    )


def _caption(found: Found, sigma: float) -> str:
    one, answer = next(iter(found.values()))
    return f"{captions.of_influence(None, one.numbers, answer['shape'])} Network {answer['model']}, noise of standard deviation {sigma:.3g} on each value."
