"""Who is most exposed: one line for each picture, with what would be seen of it at this noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from gi_core.jobs.job import Job
from gi_core.numerics.spectrum import PRIOR
from pages.influence import evidence
from pages.influence.reading import SIGNS, WORDS, Reading, ranked, short
from pages.shared import telling
from pages.shared.places import WEB

_LIST = st.components.v2.component(
    "gi_ranking", html='<div class="rows">\n</div>', css=(WEB / "influence_ranking.css").read_text(),
    js=(WEB / "influence_ranking.js").read_text(),
)  # fmt: skip
_LEAST, _MOST = 1e-4, 1.0
"""Ends of the bars: off by nothing to be seen, and by the whole range."""


def share(rmse: float) -> float:
    """Where an error stands on a bar, in [0, 1]; logarithmic."""
    return float(np.clip(np.log(max(rmse, 1e-300) / _LEAST) / np.log(_MOST / _LEAST), 0, 1))


def row(one: Reading, sigma: float, original: str, seen: str) -> dict[str, Any]:
    """What a line shows; text only, the component never takes markup."""
    level = one.level(sigma)
    line = {
        "id": one.ref, "name": one.name, "src": original, "seen": seen, "level": level, "sign": SIGNS[level],
        "word": telling.sentence(one.error) if one.error else WORDS[level], "error": bool(one.error), "note": one.class_name,
    }  # fmt: skip
    if one.error:
        return line
    rmse, prior = one.rmse(sigma), one.with_prior(sigma)
    low, high = rmse * max(0.0, 1 - one.spread), rmse * (1 + one.spread)
    return line | {
        "bar": share(rmse), "prior": share(prior), "grey": share(PRIOR),
        "low": share(low) if one.spread else None, "high": share(high) if one.spread else None,
        "value": short(rmse) if level != "protected" else f"over {PRIOR:g}",
        "hint": f"without a prior {short(rmse)}, with one {short(prior)}"
        + (f", give or take {100 * one.spread:.0f} %" if one.spread else ""),
    }  # fmt: skip


def draw(job: Job, found: Sequence[Reading], sigma: float, chosen: str, pick: Callable[[str], None]) -> None:
    """The list, most exposed first; a click looks closer."""
    rows = [
        row(one, sigma, evidence.src(evidence.picture(job, one)), evidence.src(evidence.simulated(job, one, sigma)))
        for one in ranked(found)
    ]

    def picked() -> None:
        value = st.session_state["influence_rows"].get("picked")
        if value is not None:
            pick(str(value))

    data = {
        "label": "Pictures, the most exposed first",
        "rows": rows,
        "chosen": chosen,
        "cell": 84 if len(rows) <= 4 else 46,
    }
    _LIST(key="influence_rows", data=data, on_picked_change=picked)
