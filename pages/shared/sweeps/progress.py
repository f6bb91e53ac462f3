"""How a sweep stands, in a line and a bar, and the buttons that change it."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs import sweeps
from gi_core.jobs.sweeps import SweepStatus
from pages.shared import address, head, words
from pages.shared.session import dispatcher, store


def live(number: str, timed: bool) -> None:
    """Top of a part that refreshes by itself while the sweep goes on (timed): workers are kept, and the page is drawn
    anew when that has changed; then how it stands and its buttons."""
    if timed:
        dispatcher().ensure()
    status = sweeps.status(store(), number)
    if status.over == timed:
        st.rerun(scope="app")
    head.word()
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="sweep_status"):
        with st.container(gap=None):
            line(status)
        buttons(status)


def line(status: SweepStatus) -> None:
    """State, how many are done, what failed, time left; a bar under it."""
    waiting = status.state == "running" and not status.counts.get("running") and status.counts.get("queued")
    sign, word = words.STATES["queued" if waiting else status.state]
    word = status.sentence or word
    ended = status.counts.get("done", 0)
    facts = [f"{ended} of {status.total} done"]
    for name, text in (
        ("failed", "failed"),
        ("kept", "refused by the client"),
        ("refused", "cannot be run"),
        ("missing", "deleted"),
        ("cancelled", "cancelled"),
    ):
        if status.counts.get(name):
            facts.append(f"{status.counts[name]} {text}")
    if status.utility_total:
        broken = sum(status.utility_counts.get(state, 0) for state in ("failed", "refused"))
        without = f", {broken} without accuracy" if broken else ""
        facts.append(f"{status.utility_counts.get('done', 0)} of {status.utility_total} trainings{without}")
    if status.elsewhere:
        facts.append("done elsewhere")
    if not status.over and status.seconds_left is not None:
        facts.append(f"about {words.span(max(1.0, round(status.seconds_left)))} left")
    share = 100 * status.fraction
    st.html(
        f'<div class="gi-state gi-{status.state}"><b><i aria-hidden="true">{sign}</i> {word}</b>'
        f"<span>{words.escape(' · '.join(facts))}</span></div>"
        f'<div class="gi-bar gi-{status.state}" role="progressbar" aria-label="Progress of the sweep" aria-valuemin="0"'
        f' aria-valuemax="100" aria-valuenow="{share:.0f}"><i style="width:{share:.1f}%"></i></div>'
    )


def buttons(status: SweepStatus) -> None:
    """Pause, resume, cancel."""
    if status.state in ("running", "pausing"):
        _button("Pause", "pause", status.id, ":material/pause:", status.state == "pausing")
    unanswered = sum(status.counts.get(k, 0) for k in ("failed", "cancelled", "missing"))
    if status.state == "paused" or (status.over and unanswered):
        _button("Resume", "resume", status.id, ":material/play_arrow:", False)
    if not status.over:
        _button("Cancel", "cancel", status.id, ":material/stop:", False)


def _button(label: str, action: str, number: str, icon: str, disabled: bool) -> None:
    st.button(
        label, key=f"{action}_{number}", icon=icon, on_click=address.control, args=(number, action), disabled=disabled,
        help="Asks again what failed, was cancelled or is no more; repeats nothing that is done." if action == "resume" else None,
    )  # fmt: skip
