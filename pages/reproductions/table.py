"""The claims as tables, one for each system: claim, published, measured, verdict."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from gi_core.reproductions import Claim, Finding, Measured, findings_of, setting_of, studies
from gi_core.reproductions.telling import accuracy_text, controls_text, measured_text, published_text
from pages.reproductions.known import Known
from pages.reproductions.known import links as lab_links
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
    st.html(
        f'<p class="gi-about">{said}.</p><p class="gi-about"><b>Controls</b>: the same attack with the same budget on the first few of these'
        " pictures, given noise of the same length, another client’s update, or nothing but its prior. An attack that gets as much there got"
        " nothing from the update.</p>"
    )


def draw(found: dict[str, Known]) -> None:
    """A table for each system."""
    links = lab_links()
    for study in studies():
        st.html(f'<h2 class="gi-sub">{words.escape(study.system)}</h2>')
        body = "".join(_row(claim, found.get(claim.id), links) for claim in study.claims)
        st.html(
            f'<div class="gi-scroll" tabindex="0" role="region" aria-label="Claims of {words.escape(study.system)}">'
            '<table class="gi-table gi-claims"><thead><tr><th scope="col">Claim</th><th scope="col">Verdict</th>'
            '<th scope="col">Published</th><th scope="col">Measured here</th><th scope="col">Controls</th></tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )


def _row(claim: Claim, known: Known | None, links: dict[str, str]) -> str:
    word = verdict(claim, known)
    sign, tone = SIGNS[word]
    setting, measured = setting_of(claim), known.measured if known else None
    notes = [claim.convention]
    if setting is not None:
        notes += [setting.differs, setting.fewer and f"Fewer than 50 pictures: {setting.fewer}"]
    if measured is not None and word == "differs":
        notes.append(claim.why)
    return (
        f'<tr id="{claim.id}"><th scope="row">{words.escape(claim.claim)}<small>{words.escape(claim.where)} · <code>{claim.id}</code></small>'
        f"{_small(*notes)}{_elsewhere(claim)}</th>"
        f'<td class="gi-claim-{tone}"><span aria-hidden="true">{sign}</span> {words.escape(word)}</td>'
        f"<td>{words.escape(published_text(claim))}</td>"
        f"<td>{words.escape(measured_text(claim, measured))}{_about(claim, known, links)}</td>"
        f"<td>{_beside(claim, measured)}</td></tr>{_otherwise(claim)}"
    )


def _otherwise(claim: Claim) -> str:
    """What was found otherwise than published, with its reason: a row below the first claim that it concerns."""
    return "".join(
        f'<tr><td colspan="5"><p class="gi-claim-found" id="{_place(one)}"><b>{words.escape(one.title)}.</b> {words.escape(one.text)}</p></td></tr>'
        for one in findings_of(claim)
        if one.claims[0] == claim.id
    )


def _elsewhere(claim: Claim) -> str:
    """Links to what stands below another claim and concerns this one too."""
    return "".join(
        f'<small>Found otherwise: <a href="#{_place(one)}" target="_self">{words.escape(one.title)}</a></small>'
        for one in findings_of(claim)
        if one.claims[0] != claim.id
    )


def _place(finding: Finding) -> str:
    return f"found_{finding.claims[0]}_{''.join(c for c in finding.title.lower() if c.isalnum())}"


def _about(claim: Claim, known: Known | None, links: dict[str, str]) -> str:
    """Accuracy, when and where it was measured, and its runs."""
    found = ""
    if known is not None:
        one = known.measured
        when = f"{one['date']}, {one['device']}, version {one['version']}, budget {one['budget']}"
        found = _small(accuracy_text(setting_of(claim), one), when + (", as shipped" if known.shipped else ""))
        if known.sweep:
            found += f'<a href="./sweeps?sweep={words.escape(known.sweep)}" target="_self">Open its runs</a> '
    if claim.experiment in links:
        found += f'<a href="{words.escape(links[claim.experiment])}" target="_self">Open in the lab</a>'
    return found


def _beside(claim: Claim, measured: Measured | None) -> str:
    """The standing controls; a dash where there are none."""
    return (_small(*controls_text(claim, measured)) if measured else "") or "–"


def _small(*lines: str) -> str:
    return "".join(f"<small>{words.escape(one)}</small>" for one in lines if one)
