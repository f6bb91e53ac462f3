"""Accuracy and leakage over the rounds, as the published plot: mean and 95 % band of each attacked client."""

from __future__ import annotations

import streamlit as st

from gi_core.figures import drawing
from gi_core.types.exposure import exposures
from pages.federation.reading import Found
from pages.shared import words
from pages.shared.result import charts


def accuracy(found: Found, total: int, caption: str) -> None:
    """A chart of the global network's accuracy on pictures that no client has; round 0 is before any training."""
    charts.heading("Accuracy", "of the global network, on pictures that no client has")
    charts.draw(drawing("accuracy", found.values, total).under(caption), "federation_accuracy")


def leakage(found: Found, total: int, caption: str) -> None:
    """Mean and band of each attacked client, with the line at which the prior is as good."""
    against = "how much more alike than the server's guess: 0 is no more, 1 is twice as much"
    alone = "likeness; nobody else is there, so there is no guess to compare with"
    charts.heading(f"Leakage ({found.measure})", against if found.measure == "RDLV" else alone)
    charts.draw(drawing("leakage", found.values, total).under(caption), "federation_leakage")


def exposure(found: Found, total: int, caption: str) -> None:
    """What the updates of each attacked client show together, and the sentence of each."""
    charts.heading(
        "Round after round", "how much of a client's pictures its updates so far show together; large marks: exact"
    )
    for client, said in exposures(found.rounds).items():
        st.html(f'<p class="gi-about"><b>Client {client}</b>: {words.escape(said)}.</p>')
    charts.draw(drawing("exposure", found.values, total).under(caption), "federation_exposure")
