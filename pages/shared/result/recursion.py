"""The recursion as a strip of cards: deepest layer on the left, the picture on the right.

Before a run the cards say what counting predicts; while it runs and after it, what was found. A
recursion may take less than a second, so a finished one is played back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from gi_core.analysis.rank import RankReport
from gi_core.jobs.job import Job
from gi_core.settings import ATTACKS, SpecError
from gi_core.settings.closed_form_attacks import ClosedForm
from gi_core.types.result_parts import Layer
from pages.shared import stage
from pages.shared.pictures import data_uri
from pages.shared.places import WEB
from pages.shared.rank.cards import cards
from pages.shared.result.source import compared
from pages.shared.session import store

_STRIP = st.components.v2.component(
    "gi_recursion", html=(WEB / "recursion.html").read_text(), css=(WEB / "recursion.css").read_text(),
    js=(WEB / "recursion.js").read_text(),
)  # fmt: skip
_PREVIEW = re.compile(r"layers/[\w.-]{1,40}\.png")
_WORDS = {
    "again": "↻ Play again",
    "first": "from the loss",
    "last": "to the picture",
    "label": "Layers of the recursion",
}

_SOLVED = {"first": "from the gradient", "label": "Equations of the attack"}


def walks(job: Job) -> bool:
    """Whether the attack of a run goes through the layers one by one."""
    attack = ATTACKS.get(str((job.spec.get("attack") or {}).get("kind")))
    return attack is None or not issubclass(attack, ClosedForm) or attack.walks


def layers(job: Job | None) -> list[Layer]:
    """What the run has recovered so far, deepest layer first."""
    if job is None:
        return []
    ended = job.run_result.get("layers") if job.run_result else None
    return ended or job.progress.get("layers") or []


def draw(
    job: Job | None, report: RankReport | None, *, pictures: Sequence[dict[str, str]] = (), says: str = "", key: str
) -> None:  # fmt: skip
    """report: of the network that the run is about. pictures: {title, src, note}, and what is said of them at the end."""
    made = cards(
        layers(job), report, over=job is not None and job.over, picture=lambda name: preview(job, name),
        images=max(1, compared(job)) if job is not None else 1,
    )  # fmt: skip
    _STRIP(
        key=key,
        data={
            "run": job.id if job is not None else "",
            "live": job is not None and not job.over,
            "cards": made,
            "pictures": list(pictures),
            "says": says,
            "large": stage.presenting(),
            "words": _WORDS if job is None or walks(job) else {**_WORDS, **_SOLVED},
        },
    )


def preview(job: Job | None, name: Any) -> str | None:
    """The recovered features as a data URI; only a picture in the run's own folder is read."""
    if job is None or not isinstance(name, str) or not _PREVIEW.fullmatch(name):
        return None
    try:
        path = store().path(job.id) / name
        return _read(str(path), path.stat().st_mtime)
    except (SpecError, OSError):
        return None


@st.cache_data(max_size="32MiB", show_spinner=False)
def _read(path: str, stamp: float) -> str:
    return data_uri(Path(path).read_bytes())
