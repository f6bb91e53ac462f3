"""The wall's form: what is attacked, and which attacks and defenses are compared."""

from __future__ import annotations

import time

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import ATTACKS, SpecError
from gi_core.settings.sweep import Sweep
from pages.shared import form, telling, words
from pages.shared.experiment import possible, press, samples, steps
from pages.shared.experiment.defenses import view as defenses
from pages.shared.sweeps import asking, timing
from pages.wall import question


def draw() -> None:
    """Four parts and a button, in one fragment."""
    st.fragment(_form, key="wall_form")()


def _form() -> None:
    parts = (
        ("The private picture", "the same in every cell", samples.draw),
        ("The network", "what the client trains", steps.network),
        ("The attacks", "columns", _attacks),
        ("The defenses", "rows, under one without any", _defenses),
    )
    steps.draw(parts, "wall")
    with st.container(key="launch", gap="xsmall"):
        _button()


def _attacks() -> None:
    ruled_out, chosen = possible.reasons(form.current()), question.plan()
    key = form.key("wall.attacks", chosen["attacks"])
    st.pills(
        "Attacks", list(ATTACKS), selection_mode="multi", default=chosen["attacks"], key=key, label_visibility="collapsed",
        format_func=lambda k: ("✕ " if k in ruled_out else "") + ATTACKS[k].title, on_change=form.report, args=(key, _set, "attacks", key),
        help="A cross marks an attack that is not possible here; the wall says why.",
    )  # fmt: skip
    with st.grid(2, min_column_width=130, gap="small", vertical_alignment="bottom"):
        key = form.key("wall.iterations", chosen["iterations"])
        st.number_input(
            "Iterations at most", 1, 100_000, chosen["iterations"], key=key, on_change=form.report,
            args=(key, _set, "iterations", key),
            help="The most that each attack may take; those that need fewer stop by themselves.",
        )  # fmt: skip
        key = form.key("wall.seconds", form.current().seconds)
        st.number_input(
            "Seconds at most", 0.5, 86400.0, form.current().seconds, key=key, format="%g", placeholder="no limit",
            on_change=form.report, args=(key, lambda: form.change(("seconds",), st.session_state[key], seen=True)),
            help="The longest that each attack may take.",
        )  # fmt: skip


def _defenses() -> None:
    defenses.draw(several=True)
    key = form.key("wall.controls", question.plan()["controls"])
    st.toggle(
        "Standing controls below them", question.plan()["controls"], key=key, on_change=form.report,
        args=(key, _set, "controls", key),
        help="What each attack makes of noise of the same length, of another client's update, and of its prior alone: three more"
        " runs for each attack. An answer that is no better shows nothing of the update.",
    )  # fmt: skip
    if not form.current().defenses:
        return
    key = form.key("wall.both", question.plan()["both"])
    st.toggle(
        "Also by an attacker who knows them", question.plan()["both"], key=key, on_change=form.report,
        args=(key, _set, "both", key),
        help="Adds a second run to every cell, by an attacker who knows the noise level, the mask and the like.",
    )  # fmt: skip


def _set(name: str, key: str) -> None:
    if st.session_state[key] is not None:
        question.change(**{name: st.session_state[key]})


def _button() -> None:
    """How much it is, what stops it, and the one button."""
    complaint = form.complaint()
    try:
        if not question.plan()["attacks"]:
            raise SpecError("choose at least one attack")
        asked = question.sweep()
        found = asking.extent(asked)
    except SpecError as error:
        telling.problem(error)
        press.button("wall_run", "Run the wall", type="primary", width="stretch", disabled=True)
        return
    if complaint:
        telling.problem(complaint)
    limit = form.current().seconds
    most = f", each {limit:g} s of attacking at most" if limit else ""
    waiting = asked != question.first() and asking.awaited(found)
    st.fragment(_estimate, run_every=1.0 if waiting else None, key="wall_estimate")(asked, found, most, waiting)
    for text in asking.reasons(found):
        telling.note(text)
    if press.button("wall_run", "Run the wall", type="primary", width="stretch", disabled=not found.runs):
        _start(asked)


def _estimate(asked: Sweep, found: asking.Extent, most: str, waited: bool) -> None:
    """How many, and how long all of it takes; it looks again while a worker finds that out."""
    span = timing.said(found, question.MEASURED if asked == question.first() else None)
    st.html(f'<p class="gi-estimate" role="status">{words.escape(f"{asking.size(found)}, {span}{most}")}</p>')
    if waited and not asking.awaited(found):
        st.rerun(scope="app")


def _start(asked: Sweep) -> None:
    try:
        asking.start(asked)
    except SpecError as error:
        telling.problem(error)
        return
    st.session_state["wall.filled"] = asking.shown()
    st.rerun(scope="app")


def _open(now: str | None, key: str) -> None:
    """Another wall, unless what is on show changed since the list was drawn."""
    if asking.shown() == now:
        asking.show(st.session_state[key])


def earlier(jobs: list[Job], now: str | None) -> None:
    """Walls that are there, newest first; choosing one opens it."""
    options = {job.id: job for job in jobs}
    if not options:
        return
    key = f"wall_earlier_{now}"
    st.selectbox(
        "Walls", list(options), list(options).index(now) if now in options else None, key=key, width=420,
        label_visibility="collapsed", placeholder="Open an earlier wall", on_change=_open, args=(now, key),
        format_func=lambda k: f"{options[k].title} · {time.strftime('%d %b %H:%M', time.localtime(options[k].created))}",
    )  # fmt: skip
