"""What a result does not say, in plain words: the same sentences in the report and on the page for a decision maker."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.reports import judging
from gi_core.reports.taken import Run
from gi_core.settings import DEFENSES, ceiling


def of_runs(runs: Sequence[Run]) -> list[str]:
    """The limits of one or several runs, the weightiest first."""
    pictures = sum(len(r.spec.get("samples") or ()) for r in runs)
    seeds = len({r.spec.get("seed") for r in runs})
    found = [
        f"This rests on {_count(len(runs), 'run')}, {_count(pictures, 'picture')} and {_count(seeds, 'seed')}; other pictures,"
        " another network or another state of training may answer otherwise."
    ]
    if any(judging.level(r) != "exposed" for r in runs):
        found.append(
            "That an attack does not recover a picture proves no protection: more effort, or another attack, may recover it."
        )
    if any(not r.truth for r in runs):
        found.append("The original is withheld here, so nothing is said about likeness.")
    elif any(r.result is not None and not r.result["per_image"] for r in runs):
        found.append("There is no original to compare with, so how alike the picture is was not measured.")
    lacking = sorted(
        {title for r in runs if r.result and r.truth and r.result["per_image"] for title in judging.unmeasured(r)}
    )
    if lacking:
        found.append(f"Not measured: {', '.join(lacking)}.")
    if any(r.state != "done" for r in runs):
        found.append("Not every run went to its end; what is shown is what there was.")
    if any(r.elsewhere for r in runs):
        found.append("A run here was brought in an archive: its numbers were not measured on this machine.")
    return found


def of_defenses(runs: Sequence[Run]) -> list[str]:
    """What each defense that was used promises, and what it did to the update."""
    found: dict[str, str] = {}
    for run in runs:
        for effect in run.result["defenses"] if run.result else ():
            kind = DEFENSES.get(effect["kind"])
            if kind is None:
                continue
            change = effect["relative_change"]
            did = f"changed the update by {100 * change:.2g} % of its length" if change is not None else "was applied"
            promise = effect.get("promise") or kind.guarantee or "none"
            found[kind.title] = f"{kind.title} {did}. Its guarantee: {promise.rstrip('.')}."
    return [*found.values(), *_brackets(runs)]


def _brackets(runs: Sequence[Run]) -> list[str]:
    """What any attacker gets at most where the defenses prove it; that nothing is proved where none does."""
    there = [r.result for r in runs if r.result and r.result["defenses"]]
    proved = [found for found in (document.get("bracket") for document in there) if found is not None]
    sentences = dict.fromkeys(text for found in proved for text in (found["sentence"], found["measured"]))
    unproved = [ceiling.NO_CEILING] if len(proved) < len(there) else []
    return [*sentences, *unproved]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
