"""The recursion as a strip of cards: deepest layer on the left, the picture on the right.

Before a run the cards say what counting predicts; while it runs and after it, what was found. A
recursion may take less than a second, so a finished one is played back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from gi_core.analysis.rank import LayerRank, RankReport
from gi_core.runs.job import Job
from gi_core.spec import SpecError
from pages.components.pictures import data_uri
from pages.components.rank import marks
from pages.components.rank.table import ROUTES
from pages.components.session import store

_WEB = Path(__file__).parent / "web"
_STRIP = st.components.v2.component(
    "gi_recursion",
    html=(_WEB / "recursion.html").read_text(),
    css=(_WEB / "recursion.css").read_text(),
    js=(_WEB / "recursion.js").read_text(),
)
BROKEN = 1e-2
"""Relative residual above which a layer's equations contradict what was handed down to them."""

_PREVIEW = re.compile(r"layers/[\w.-]{1,40}\.png")
_WORDS = {
    "again": "↻ Play again",
    "first": "from the loss",
    "last": "to the picture",
    "label": "Layers of the recursion",
}


def layers(job: Job | None) -> list[dict[str, Any]]:
    """What the run has recovered so far, deepest layer first."""
    if job is None:
        return []
    return (job.result or {}).get("layers") or job.progress.get("layers") or []


def draw(
    job: Job | None, report: RankReport | None, *, pictures: Sequence[dict[str, str]] = (), says: str = "", key: str
) -> None:  # fmt: skip
    """report: of the network that the run is about. pictures: {title, src, note}, and what is said of them at the end."""
    found = layers(job)
    _STRIP(
        key=key,
        data={
            "run": job.id if job is not None else "",
            "live": job is not None and not job.over,
            "cards": cards(job, found, report),
            "pictures": list(pictures),
            "says": says,
            "words": _WORDS,
        },
    )


def cards(job: Job | None, found: Sequence[Mapping[str, Any]], report: RankReport | None) -> list[dict[str, Any]]:
    """One card for each layer, in the order of the recursion."""
    known = {entry["name"]: entry for entry in found}
    planned = list(reversed(report.layers)) if report is not None else []
    names = [layer.name for layer in planned]
    names += [entry["name"] for entry in found if entry["name"] not in names]
    plan = {layer.name: layer for layer in planned}
    at = next((k for k, entry in enumerate(found) if broken(entry)), len(found))
    first = found[at]["name"] if at < len(found) else None
    later = found[at + 1 :]
    healed = bool(later) and not any(broken(entry) for entry in later)
    predicted = report.breaking if report is not None else None
    made = [
        _card(name, plan.get(name), known.get(name), name == predicted, name == first, job, healed) for name in names
    ]
    if predicted in names and first is None:
        for card in made[names.index(predicted) + 1 :]:
            if not card["done"]:
                card |= {"tone": "after", "sign": "?", "text": "rests on what could not be recovered"}
    return made


def broken(entry: Mapping[str, Any]) -> bool:
    """Whether this layer's input did not come back: unknowns left open, or equations that contradict."""
    return (entry.get("deficiency") or 0) > 0 or (entry.get("residual") or 0.0) > BROKEN


def _card(
    name: str, layer: LayerRank | None, entry: Mapping[str, Any] | None, predicted: bool, observed: bool, job: Job | None,
    healed: bool,
) -> dict[str, Any]:  # fmt: skip
    mark = marks.of(layer) if layer is not None else marks.Mark(name)
    card = {
        "name": name, "what": marks.arrows(layer.description.partition(",")[0]) if layer is not None else "", "done": entry is not None,
        "sign": mark.sign, "tone": mark.tone, "text": mark.text, "route": _route(layer.route if layer else ""),
        "facts": _predicted(layer), "src": None, "flag": "breaks here (predicted)" if predicted else "", "note": "",
    }  # fmt: skip
    if entry is None:
        if job is not None and job.over:
            card["note"] = "not reached"
        return card
    wrong, count = broken(entry), len(job.spec.get("samples") or ()) if job is not None else 1
    if observed and count > 1:
        card["flag"] = f"equations of {count} pictures, mixed"
    elif observed:
        card["flag"] = ("short here" if healed else "broke here") + (", as predicted" if predicted else "")
        card["flag"] += "; filled in from the layer before" if healed else ""
    elif predicted:
        card["flag"] = "predicted to break, but held"
    tone = "short" if entry.get("deficiency") else "stop" if wrong else "pass"
    return card | {
        "sign": {"short": "!", "stop": "✕", "pass": "✓"}[tone], "tone": tone, "route": _route(entry.get("route", "")),
        "text": f"{entry.get('rank')} of {entry.get('unknowns')} unknowns determined",
        "facts": _observed(entry), "src": preview(job, entry.get("preview")), "note": str(entry.get("note") or ""),
    }  # fmt: skip


def _route(route: str) -> str:
    return ROUTES.get(route, route)


_RANK = "Independent equations, and unknowns"
_NUMBERS = (
    ("condition", "cond.", "Condition: how much this layer multiplies errors"),
    ("residual", "resid.", "Residual: how well the equations are fulfilled; near zero certifies the layer"),
)


def _predicted(layer: LayerRank | None) -> list[list[str]]:
    """Lines of a card: [name, value, what it means]."""
    if layer is None or layer.route == "unsupported":
        return []
    return [["rank", f"{layer.rank} / {layer.unknowns}", _RANK]]


def _observed(entry: Mapping[str, Any]) -> list[list[str]]:
    facts = [["rank", f"{entry.get('rank')} / {entry.get('unknowns')}", _RANK]]
    for name, title, hint in _NUMBERS:
        if entry.get(name) is not None:
            facts.append([title, f"{entry[name]:.1e}" if name == "residual" else f"{entry[name]:.3g}", hint])
    return facts


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
