"""One sweep: its question, how it stands, what it answers so far, and its table."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.experiments.sweeps.answers import answer
from gi_core.experiments.sweeps.choices import MEASURES, across, default, lines
from gi_core.experiments.sweeps.table import records
from gi_core.figures import captions
from gi_core.jobs import sweeps
from gi_core.settings import SpecError
from gi_core.settings.sweep import Sweep
from pages.shared import head, words
from pages.shared.session import store
from pages.shared.sweeps import asking, files, progress
from pages.sweeps import chart, table


def draw(number: str) -> None:
    """The page of one sweep; a wrong address is one sentence."""
    st.button("All sweeps", icon=":material/arrow_back:", key="sweeps_back", on_click=asking.show, args=(None,))
    try:
        sweep = sweeps.sweep_of(store(), number)
        going = not sweeps.status(store(), number).over
    except SpecError:
        st.warning("There is no such sweep here: it may have been deleted, or the link is incomplete.")
        return
    head.title(words.escape(sweep.name), words.escape(sweep.question))
    st.fragment(_live, run_every=2.0 if going else None, key="sweep_live")(number, sweep, going)
    files.draw(number, sweep)


def _live(number: str, sweep: Sweep, timed: bool) -> None:
    progress.live(number, timed)
    rows = records(store(), number)
    _found(rows, sweep)
    table.draw(rows, sweep)


def _found(rows: list[dict[str, Any]], sweep: Sweep) -> None:
    """The sentence first, then what it rests on."""
    place = st.container(gap="xsmall")
    choice = chart.choose(rows, default(sweep), across(sweep), lines(sweep), MEASURES)
    said = answer(rows, choice)
    with place:
        st.html(
            f'<p class="gi-verdict" role="status">{words.escape(said.claim)}</p>'
            + "".join(f'<p class="gi-about">{words.escape(text)}</p>' for text in (said.seen, said.limits) if text)
            + f'<p class="gi-about">{words.MEANING}</p>'
        )
    chart.draw(rows, choice, said.trends, "sweep_chart", captions.of_sweep(sweep, rows))
