"""All runs: filters, cards, disk used."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.quota import quota
from pages.runs import bringing
from pages.shared import address, link, words
from pages.shared.result import run_card, run_dialogs
from pages.shared.session import store

PAGE = 12
_STATES = {
    "all": None,
    "going on": ("queued", "running", "pausing", "paused"),
    "done": ("done",),
    "failed": ("failed", "incomplete", "cancelled"),
}


def draw() -> None:
    """Filters first; the cards refresh by themselves while a run goes on."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="runs_bar"):
        st.text_input(
            "Find runs", key="runs_search", placeholder="Find by name, picture, network or attack",
            label_visibility="collapsed", width=340, max_chars=100,
        )  # fmt: skip
        st.segmented_control(
            "State", list(_STATES), default="all", required=True, key="runs_state",
            format_func=str.capitalize, label_visibility="collapsed",
        )  # fmt: skip
        chosen = [r for r in st.session_state.get("runs.compare", []) if store().job(r)]
        if st.button(
            "Compare two" if len(chosen) < 2 else "Compare these two", key="runs_compare",
            type="primary" if len(chosen) == 2 else "secondary", disabled=len(chosen) != 2,
            help="Tick two runs below.",
        ):  # fmt: skip
            address.show(compare=",".join(chosen))
            st.rerun()
        bringing.place()
        if mine := store().mine():
            if st.button(
                f"Cancel mine ({mine})", key="cancel_mine", icon=":material/stop:", type="tertiary",
                help="Ends all runs, sweeps and federations that you asked for and that wait or run; nobody else's.",
            ):  # fmt: skip
                store().cancel_mine()
                st.rerun()
    bringing.told()
    active = store().jobs(states=_STATES["going on"], limit=1)
    st.fragment(_cards, run_every=2.0 if active else None, key="runs_cards")(bool(active))
    run_dialogs.draw()


def _cards(was_active: bool) -> None:
    found = store().jobs(
        states=_STATES[st.session_state.get("runs_state") or "all"],
        search=st.session_state.get("runs_search") or "", limit=500,
    )  # fmt: skip
    if not found:
        st.html('<p class="gi-lead">No runs here yet.</p>')
        link.to_lab("Start one in the lab", "science")
        return
    pages = -(-len(found) // PAGE)
    page = min(st.session_state.get("runs_page") or 1, pages)
    with st.grid(3, min_column_width=330, gap="small"):
        for job in found[(page - 1) * PAGE : page * PAGE]:
            run_card.draw(job)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if pages > 1:
            st.pagination(pages, key="runs_page")
        used, limit, runs = words.size(store().disk_used()), words.size(quota()), "run" if len(found) == 1 else "runs"
        st.html(f'<p class="gi-about" id="disk">{len(found)} {runs} · {used} of {limit} of disk used</p>')
    if was_active and not store().jobs(states=_STATES["going on"], limit=1):
        st.rerun(scope="app")
