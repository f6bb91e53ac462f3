"""How bad a run is, in a level and a sentence, and how sure that is. It never calls safe what was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gi_core.metrics.registry import METRICS, drawn
from gi_core.metrics.verdicts import current_verdict, without_truth
from gi_core.metrics.words import FOUND, PERSON, said
from gi_core.reports.parts import Level
from gi_core.reports.taken import Run

HEADS: dict[Level, str] = {
    "exposed": "Exposed",
    "partly": "Partly exposed",
    "protected": "Not recovered by this attack",
    "unknown": "Not known",
}
ORDER: tuple[Level, ...] = ("exposed", "partly", "unknown", "protected")
"""From the worst; what is not known counts as worse than what one attack did not recover."""


def worst(levels: Iterable[Level]) -> Level:
    """The worst of several; unknown where there is none."""
    return min(levels, key=ORDER.index, default="unknown")


def level(run: Run) -> Level:
    """Of the most exposed picture; unknown where any other was not measured and none is exposed."""
    if run.result is None:
        return "unknown"
    return worst(said(entry).level for entry in run.result["per_image"])


def sentence(run: Run) -> str:
    """What came of it, in one sentence."""
    result = run.result
    if result is None:
        return "No picture came back: " + (run.error or f"the run is {run.state}") + "."
    if run.truth and run.result and result["per_image"]:
        return _whole(current_verdict(result))
    return _whole(without_truth(result))


def counts(runs: Sequence[Run]) -> dict[str, int]:
    """What a person would see -> how many pictures, over all runs; `found` counts those that only a machine finds."""
    found = dict.fromkeys((*PERSON[:-1], FOUND, PERSON[-1]), 0)
    for run in runs:
        for entry in run.result["per_image"] if run.result else ():
            words = said(entry)
            if words:
                found[FOUND if (words.person, words.machine) == (PERSON[-1], FOUND) else words.person] += 1
    return {name: count for name, count in found.items() if count}


def numbers(metrics: Mapping[str, Any], most: int | None = None) -> list[tuple[str, str, str]]:
    """(title, value with its spread, what it means) of the metrics that the lab draws, the most telling first."""
    found = []
    for name in sorted(drawn("lab"), key=lambda n: METRICS[n].optional):
        metric, value = METRICS[name], metrics.get(name)
        if value is None and (metric.optional or name not in metrics):
            continue
        text, spread = metric.shown(value), metrics.get(f"{name}_sd")
        if value is not None and metric.out_of and metrics.get(metric.out_of):
            text += f" of {metrics[metric.out_of]}"
        if spread is not None:
            text += f" ± {spread:.2g}"
        note = metrics.get(f"{name}_note") if value is None and metric.note_missing else None
        found.append((metric.title, text, _whole(note or metric.sentence)))
    return found[:most]


def unmeasured(run: Run) -> list[str]:
    """Titles of the metrics that were not measured."""
    metrics = run.result["metrics"] if run.result else {}
    return [m.title for n, m in METRICS.items() if n in drawn("lab") and not m.optional and metrics.get(n) is None]


def _whole(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
