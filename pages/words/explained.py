"""The words in tables: what a person would see, what a machine finds, and matched, unique, right."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gi_core.metrics.words import EXACT, FOUND, MEANINGS, NOT_FOUND, PERSON, SEEN_PSNR, SEEN_SSIM, TRACE_SSIM, Said
from pages.shared.experiment import meter
from pages.shared.words import escape

_WHEN = {
    "exact": f"MSE below {EXACT:g}",
    "seen": f"SSIM of {SEEN_SSIM:g} or more, or PSNR of {SEEN_PSNR:g} dB or more",
    "traces": f"SSIM of {TRACE_SSIM:g} or more",
    "not seen": "everything else, what the server's prior picture is more like, and what a blank picture is as like",
    FOUND: "the original is first among the candidates, 200 as a rule",
    NOT_FOUND: "it is second or later",
}
_CLAIMS = (
    ("matched", "What the answer leaves of the update is no more than the update's own error.", "the attacker"),
    ("unique", "No other picture nearby explains the update as well.", "the attacker"),
    ("right", "A person would see the original in the answer.", "only who has the original"),
)


def draw() -> None:
    """The words of a picture, with their rule and level."""
    person = [(one, _level(Said(one)), MEANINGS[one], _WHEN[one]) for one in PERSON]
    _table("A person would see", person)
    _table("A machine", [(one, _level(Said("not seen", one)), MEANINGS[one], _WHEN[one]) for one in (FOUND, NOT_FOUND)])


def claims() -> None:
    """The three words of certainty, and who may say them."""
    st.html(
        '<h2 class="gi-question">Matched, unique, right</h2><p class="gi-about">Three words that are never mixed, since each can'
        " hold without the next: another picture may explain the update as well, and then an answer that is matched is not right.</p>"
    )
    rows = "".join(f'<tr><th scope="row">{a}</th><td>{escape(b)}</td><td>{escape(c)}</td></tr>' for a, b, c in _CLAIMS)
    st.html(_framed("Matched, unique, right", ("word", "means", "known to"), rows))


def _table(title: str, rows: Sequence[tuple[str, str, str, str]]) -> None:
    body = "".join(
        f'<tr><th scope="row"><i aria-hidden="true">{meter.SIGNS[level]}</i> {escape(word)}</th><td>{escape(meaning)}</td>'
        f"<td>{escape(when)}</td></tr>"
        for word, level, meaning, when in rows
    )
    st.html(_framed(title, (title, "meaning", "when"), body))


def _framed(label: str, head: Sequence[str], body: str) -> str:
    cells = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    return (
        f'<div class="gi-scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table class="gi-table gi-words">'
        f"<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _level(said: Said) -> str:
    return said.level
