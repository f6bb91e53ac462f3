"""The risk meter: what an update is expected to show, before the attack; and whether that was right, after it."""

from __future__ import annotations

import streamlit as st

from gi_core.analysis import risk
from gi_core.types.result import Result
from gi_core.types.risk import Calibration, Risk
from pages.shared import telling
from pages.shared.words import escape

SIGNS = {"exposed": "●", "partly": "◐", "protected": "○"}
_TITLES = {"exposed": "Exposed", "partly": "Partly exposed", "protected": "Protected against matching alone"}
SMALL_PRINT = "A prediction for attackers without a picture prior. Those with one do better, so it is no floor."
_LAST = "meter.last"


def draw(found: Risk | None, error: float | None, awaited: bool) -> None:
    """The meter of a preview; until that arrives, the last one, greyed.

    error: the expected error by the whole spectrum, once that is known. awaited: whether an answer is still to come.
    """
    if found and error is not None and not found["refined"]:
        found = risk.refine(found, error)
    if found:
        st.session_state[_LAST] = found
    shown = found or (st.session_state.get(_LAST) if awaited else None)
    if shown:
        st.html(_meter(shown, stale=not found))
    elif awaited:
        st.html('<div class="gi-meter gi-stale" role="status"><p>Working out how much would leak…</p></div>')


def _meter(found: Risk, stale: bool) -> str:
    level = found["level"]
    head, _, rest = found["sentence"].partition(": ")
    reasons = "".join(f"<li>{escape(telling.sentence(reason))}</li>" for reason in found["reasons"])
    return (
        f'<div class="gi-meter gi-{level}{" gi-stale" * stale}" role="status" aria-busy="{str(stale).lower()}">'
        f"{_gauge(level)}<p><b>{escape(head)}</b>: {escape(rest)}{_expected(found)}</p>"
        f"<details><summary>Why</summary><ul>{reasons}</ul><small>{SMALL_PRINT}</small></details></div>"
    )


def _gauge(level: str) -> str:
    """Three steps, most exposed last; the sign in the lit one says it without colour."""
    steps = "".join(
        f"<i{' class=on' * (k == level)}>{SIGNS[k] if k == level else ''}</i>" for k in reversed(risk.LEVELS)
    )
    return f'<span class="gi-gauge" aria-hidden="true">{steps}</span>'


def _expected(found: Risk) -> str:
    if found["error"] is None or found["level"] == "protected":
        return ""
    about = "" if found["refined"] else "about "
    return f" <span>Expected error {about}{found['error']:.2g} per pixel.</span>"


def afterwards(result: Result) -> None:
    """Whether the meter was right, and predicted beside measured error, on one line."""
    found = result.get("risk")
    if not found or found["level"] not in SIGNS or "afterwards" not in found:
        return
    sign, said = {
        True: ("✓", "It was right."),
        False: ("✕", "It was wrong."),
        None: ("?", "This run does not settle it."),
    }[found.get("right")]
    calibration = result.get("calibration")
    st.html(
        f'<div class="gi-meter gi-after gi-{found["level"]}" role="status">{_gauge(found["level"])}'
        f'<p>The meter said <b>{_TITLES[found["level"]].lower()}</b>. <b><i aria-hidden="true">{sign}</i> {said}</b> '
        f"{escape(found['afterwards'])}{_calibration(calibration) if calibration else ''}</p></div>"
    )


def _calibration(found: Calibration) -> str:
    predicted, measured = found["predicted_rmse"], found["measured_rmse"]
    if predicted is None or measured is None:
        return ""
    prior = found["predicted_rmse_with_prior"]
    beside = f" ({prior:.2g} with one)" if prior is not None else ""
    return (
        f" <span>Error per pixel predicted without a picture prior: <b>{predicted:.2g}</b>{beside},"
        f" measured: <b>{measured:.2g}</b>.</span>"
    )
