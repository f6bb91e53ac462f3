"""What each card of the recursion says: the prediction, then what was found, and where it broke."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gi_core.analysis.rank import LayerRank, RankReport
from pages.shared.rank import marks
from pages.shared.rank.table import ROUTES

Entry = Mapping[str, Any]

BROKEN = 1e-2
"""Relative residual above which a layer's equations contradict what was handed down to them."""

_RANK = "Independent equations, and unknowns"
_NUMBERS = (
    ("condition", "cond.", "Condition: how much this layer multiplies errors"),
    ("residual", "resid.", "Residual: how well the equations are fulfilled; near zero certifies the layer"),
)


def cards(
    found: Sequence[Entry], report: RankReport | None, *, over: bool, images: int, picture: Callable[[Any], str | None]
) -> list[dict[str, Any]]:
    """One card for each layer, in the order of the recursion.

    found: the layers recovered so far. over: whether the run has ended. images: of the update.
    picture: a preview's name to its data URI.
    """
    known = {entry["name"]: entry for entry in found}
    plan = {layer.name: layer for layer in reversed(report.layers)} if report is not None else {}
    if known and not known.keys() & plan.keys():  # what was recovered are whole blocks, which were not counted
        report, plan = None, {}
    names = [*plan, *(name for name in known if name not in plan)]
    predicted = report.breaking if report is not None else None
    observed, word = _break(found, images)
    made = []
    for name in names:
        card = _planned(name, plan.get(name))
        if name == predicted:
            card["flag"] = "breaks here (predicted)"
        if name in known:
            card |= _recovered(known[name], picture(known[name].get("preview")))
            card["flag"] = "predicted to break, but held" if name == predicted else ""
            if name == observed:
                card["flag"] = word.replace("here", "here, as predicted" if name == predicted else "here")
        elif over:
            card["note"] = "not reached"
        made.append(card)
    if predicted in names and observed is None:
        for card in made[names.index(predicted) + 1 :]:
            if not card["done"]:
                card |= {"tone": "after", "sign": "?", "text": "rests on what could not be recovered"}
    return made


def broken(entry: Entry) -> bool:
    """Whether this layer's input did not come back: unknowns left open, or equations that contradict."""
    return (entry.get("deficiency") or 0) > 0 or (entry.get("residual") or 0.0) > BROKEN


def _break(found: Sequence[Entry], images: int) -> tuple[str | None, str]:
    """(the first layer that did not come back, what to say there)."""
    at = next((k for k, entry in enumerate(found) if broken(entry)), None)
    if at is None:
        return None, ""
    later = found[at + 1 :]
    if images > 1:
        word = f"equations of {images} pictures, mixed"
    elif later and not any(broken(entry) for entry in later):
        word = "short here; filled in from the layer before"
    else:
        word = "broke here"
    return found[at]["name"], word


def _planned(name: str, layer: LayerRank | None) -> dict[str, Any]:
    """What counting predicts; facts are [name, value, what it means]."""
    mark = marks.of(layer) if layer is not None else marks.Mark(name)
    counted = layer if layer is not None and layer.route != "unsupported" else None
    return {
        "name": name, "what": marks.arrows(layer.description.partition(",")[0]) if layer is not None else "",
        "done": False, "sign": mark.sign, "tone": mark.tone, "text": mark.text,
        "route": ROUTES.get(layer.route, layer.route) if layer is not None else "",
        "facts": [["rank", f"{counted.rank} / {counted.unknowns}", _RANK]] if counted else [],
        "src": None, "flag": "", "note": "",
    }  # fmt: skip


def _recovered(entry: Entry, src: str | None) -> dict[str, Any]:
    """What the run found."""
    tone = "short" if entry.get("deficiency") else "stop" if broken(entry) else "pass"
    facts = [["rank", f"{entry.get('rank')} / {entry.get('unknowns')}", _RANK]]
    for name, title, hint in _NUMBERS:
        if entry.get(name) is not None:
            facts.append([title, f"{entry[name]:.1e}" if name == "residual" else f"{entry[name]:.3g}", hint])
    route = str(entry.get("route") or "")
    return {
        "done": True, "sign": {"short": "!", "stop": "✕", "pass": "✓"}[tone], "tone": tone,
        "text": f"{entry.get('rank')} of {entry.get('unknowns')} unknowns determined",
        "route": ROUTES.get(route, route), "facts": facts, "src": src, "note": str(entry.get("note") or ""),
    }  # fmt: skip
