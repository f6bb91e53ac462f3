"""The claims as tables, one for each system: claim, published, measured, verdict."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from gi_core.reproductions import Claim, setting_of, studies
from gi_core.reproductions.telling import measured_text, published_text
from pages.reproductions.known import Known
from pages.shared import words

SIGNS = {
    "reproduced": ("✓", "good"), "differs": ("≠", "bad"), "source unread": ("?", "none"), "data or GPU missing": ("○", "none"),
    "too few pictures": ("…", "none"), "not measured": ("–", "none"),
}  # fmt: skip
MEANINGS = {
    "reproduced": "the published value lies within the interval that was measured on the publication's own pictures",
    "differs": "it lies outside",
    "data or GPU missing": "measured on other pictures or with less effort, or not at all, because something is not here",
    "source unread": "the published number was not found, so there is nothing to compare with",
    "too few pictures": "fewer than five",
}


def verdict(claim: Claim, known: Known | None) -> str:
    """The word for a claim: of what was measured, or why nothing was."""
    if known is not None:
        return known.measured["verdict"]
    if claim.source in ("unread", "second hand"):
        return "source unread"
    return "data or GPU missing" if claim.missing else "not measured"


def summary(found: dict[str, Known]) -> None:
    """One line of counts, and what the words mean."""
    counts = Counter(verdict(claim, found.get(claim.id)) for study in studies() for claim in study.claims)
    parts = [f"<b>{counts[word]}</b> {word}" for word in SIGNS if counts[word]]
    st.html(f'<p class="gi-verdict" role="status">{sum(counts.values())} claims: {", ".join(parts)}.</p>')
    said = "; ".join(f"<b>{word}</b>: {meaning}" for word, meaning in MEANINGS.items() if counts[word])
    st.html(f'<p class="gi-about">{said}.</p>')


def draw(found: dict[str, Known]) -> None:
    """A table for each system."""
    for study in studies():
        st.html(f'<h2 class="gi-sub">{words.escape(study.system)}</h2>')
        body = "".join(_row(claim, found.get(claim.id)) for claim in study.claims)
        st.html(
            f'<div class="gi-scroll" tabindex="0" role="region" aria-label="Claims of {words.escape(study.system)}">'
            '<table class="gi-table gi-claims"><thead><tr><th scope="col">Claim</th><th scope="col">Verdict</th>'
            f'<th scope="col">Published</th><th scope="col">Measured here</th></tr></thead><tbody>{body}</tbody></table></div>'
        )


def _row(claim: Claim, known: Known | None) -> str:
    word = verdict(claim, known)
    sign, tone = SIGNS[word]
    setting = setting_of(claim)
    notes = [claim.convention, setting.differs if setting else ""]
    measured = known.measured if known else None
    about = ""
    if known is not None and measured is not None:
        when = f"{measured['date']}, {measured['device']}, version {measured['version']}, budget {measured['budget']}"
        about = f"<small>{words.escape(when)}{', as shipped' if known.shipped else ''}</small>"
        if known.sweep:
            about += (
                f'<small><a href="./sweeps?sweep={words.escape(known.sweep)}" target="_self">Open its runs</a></small>'
            )
        if word == "differs" and claim.why:
            notes.append(claim.why)
    small = "".join(f"<small>{words.escape(note)}</small>" for note in notes if note)
    return (
        f'<tr><th scope="row">{words.escape(claim.claim)}<small>{words.escape(claim.where)} · <code>{claim.id}</code></small>{small}</th>'
        f'<td class="gi-claim-{tone}"><span aria-hidden="true">{sign}</span> {words.escape(word)}</td>'
        f"<td>{words.escape(published_text(claim))}</td><td>{words.escape(measured_text(claim, measured))}{about}</td></tr>"
    )
