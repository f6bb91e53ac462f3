"""Measure a setting anew: a button for each, and how those that were started stand."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs import sweeps
from gi_core.jobs.job import Job
from gi_core.settings import SpecError
from pages.reproductions import known
from pages.shared import telling, words
from pages.shared.session import dispatcher, store, viewer
from pages.shared.sweeps import asking

_SAID = "reproductions.said"


def draw() -> None:
    """All settings of the small budget."""
    st.html(
        '<h2 class="gi-sub">Measure it here</h2><p class="gi-about">Each of these is a sweep of the small budget. Where the'
        " publication’s pictures are not on this machine, bundled ones stand in, and the verdict says so. The command"
        " <code>python -m gi_core reproduce</code> has the full budget and takes a folder of your own with the pictures.</p>"
    )
    said = st.session_state.pop(_SAID, None)
    if said:
        telling.problem(said)
    going = _going(known.jobs())
    st.fragment(_cards, run_every=2.0 if going else None, key="reproductions_cards")(going)


def _going(there: list[Job]) -> bool:
    """Whether any of these settings is being measured."""
    found = (asking.find(offer.sweep, there) for offer in known.offers())
    return any(job is not None and not job.over for job in found)


def _cards(timed: bool) -> None:
    if timed:
        dispatcher().ensure()
    there = known.jobs()
    if timed != _going(there):
        st.rerun(scope="app")
    with st.grid(4, min_column_width=270, gap="small", key="reproductions_settings"):
        for offer in known.offers():
            with st.container(border=True, height="stretch", gap="xsmall", key=f"setting_{offer.setting.id}"):
                _card(offer, asking.find(offer.sweep, there))


def _card(offer: known.Offer, job: Job | None) -> None:
    count = len(offer.pictures.refs)
    st.html(
        f'<h3 class="gi-sub">{words.escape(offer.setting.title)}</h3><p class="gi-about">{count} pictures: '
        f"{words.escape(offer.pictures.title)}</p>"
    )
    if job is None:
        st.button(
            "Measure", icon=":material/play_arrow:", key=f"measure_{offer.setting.id}", on_click=_start, args=(offer,)
        )
        return
    status = sweeps.status(store(), job.id)
    sign, word = words.STATES[job.state]
    st.page_link(
        "pages/sweeps/page.py", label=f"{word}, {status.counts.get('done', 0)} of {status.total}", query_params={"sweep": job.id},
        icon=":material/table_rows:",
    )  # fmt: skip


def _start(offer: known.Offer) -> None:
    try:
        asking.extent(offer.sweep)
        dispatcher().ensure()
        sweeps.start(store(), offer.sweep, viewer() or "", asking.look)
    except SpecError as error:
        st.session_state[_SAID] = str(error)
