"""What the words mean that stand beside every score, with pictures at the thresholds."""

from __future__ import annotations

import streamlit as st

from pages.shared import address, head
from pages.shared.places import WEB
from pages.words import explained, gallery

address.visit("words")
st.html(WEB / "words.css")
head.title(
    "What do the words mean?",
    "Beside every score stand two words: what a person would see, and whether a machine finds it. Neither follows from the other, so"
    " both are told, by one rule, wherever a reconstruction is spoken of.",
)
explained.draw()
gallery.draw()
explained.claims()
