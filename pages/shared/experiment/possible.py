"""Which attacks the form's other switches rule out, with the sentence that the command line says."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core.settings import ATTACKS, Experiment, SpecError, build, problems
from pages.shared.words import escape

LABELS = ("auto", "known", "joint")
"""Label strategies that an attack falls back on, best first."""
_PLAIN = {"attack": ATTACKS["dlg"](), "seed": 0, "seconds": None, "device": "auto"}


def fitting(experiment: Experiment, kind: str) -> dict[str, Any]:
    """An attack as it starts on this question: its defaults, with labels that fit the pictures and the server."""
    tries = [{"kind": kind}, *({"kind": kind, "labels": labels} for labels in LABELS)]
    for settings in tries:
        asked = _with(experiment, settings)
        if asked is not None and not any(p.fatal and p.field == "attack.labels" for p in problems(asked)):
            return settings
    return tries[0]


def reasons(experiment: Experiment) -> dict[str, str]:
    """Kind -> why it cannot be run here, for the attacks that cannot; worked out once per question."""
    return _reasons(experiment.model_copy(update=_PLAIN).key(), experiment)


@st.cache_data(max_entries=300, show_spinner=False)
def _reasons(key: str, _experiment: Experiment) -> dict[str, str]:
    found = {}
    for kind in ATTACKS:
        asked = _with(_experiment, fitting(_experiment, kind))
        wrong = [p for p in problems(asked) if p.fatal and p.field.split(".")[0] == "attack"] if asked else []
        if wrong:
            found[kind] = wrong[0].reason
    return found


def _with(experiment: Experiment, settings: dict[str, Any]) -> Experiment | None:
    try:
        return build({**experiment.model_dump(mode="json"), "attack": settings})
    except SpecError:
        return None


def name(kind: str, ruled_out: dict[str, str]) -> str:
    """An attack in a list of choices."""
    return f"✕ {ATTACKS[kind].title} – not possible here" if kind in ruled_out else ATTACKS[kind].title


def draw(ruled_out: dict[str, str]) -> None:
    """The attacks that are ruled out on one line; opened, each with its reason."""
    if not ruled_out:
        return
    names = " · ".join(ATTACKS[kind].title for kind in ruled_out)
    alike: dict[str, list[str]] = {}
    for kind, reason in ruled_out.items():
        alike.setdefault(reason.removeprefix(ATTACKS[kind].title), []).append(ATTACKS[kind].title)
    lines = "".join(f"<li>{_line(rest, titles)}</li>" for rest, titles in alike.items())
    st.html(
        f'<details class="gi-not"><summary><b>Not possible here:</b> {escape(names)} <u>why</u></summary>'
        f"<ul>{lines}</ul></details>"
    )


def _line(rest: str, titles: list[str]) -> str:
    """The reason as the command line says it, then other attacks of which the same is true."""
    between = "" if rest.startswith(" ") else ": "
    more = f" <small>The same is true of {escape(' · '.join(titles[1:]))}.</small>" if titles[1:] else ""
    return f"<b>{escape(titles[0])}</b>{between}{escape(rest)}.{more}"
