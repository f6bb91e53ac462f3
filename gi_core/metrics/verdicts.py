"""What the numbers say of a result, in one plain sentence: person, machine, and the numbers beside them. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.metrics.registry import METRICS
from gi_core.metrics.words import FOUND, PERSON, Said, below_prior, of_several, said
from gi_core.settings.ceiling import percent
from gi_core.types.result import Result
from gi_core.types.result_parts import Measures

CLAIMED = 0.1
"""Share of the update left unexplained, up to which an answer says something of it."""
DIVERGED = "not seen: the reconstruction diverged, nothing finite came back"
UNTOLD = "there is no original to compare with, so nothing is said about likeness"
_PERSON = {
    "exact": "no eye tells it from the original",
    "seen": "a person would see it",
    "traces": "a person would see traces only",
    "not seen": "a person would see nothing",
}


def verdict(metrics: Measures, images: Sequence[Measures]) -> str:
    """One sentence about a result, from its `metrics` and `per_image`; its head, before the colon, is `Said.label`.

    It speaks of what was measured only: without ground truth or without candidates it says so.
    """
    measured = [e for e in images if e.get("mse") is not None]
    if not measured:
        return DIVERGED if images else UNTOLD
    candidates = metrics.get("iip_candidates")
    if all(map(below_prior, measured)):
        return f"{of_several(measured).label}: {_nothing(metrics, len(images))}"
    return _single(measured[0], candidates) if len(images) == 1 else _batch(measured, len(images), candidates)


def of_result(result: Result) -> Said:
    """The words of the most exposed picture of a stored result, by today's rule; by the means where no more is kept."""
    return of_several(result["per_image"] or [result["metrics"]])


def current_verdict(result: Result) -> str:
    """The verdict by today's rule, where the numbers of each picture are kept; else the one that was stored."""
    return verdict(result["metrics"], result["per_image"]) if result["per_image"] else result["verdict"]


def without_truth(result: Result) -> str:
    """What the attacker may say of its answer: the update is explained or not, and whether another picture explains it as well."""
    residual = result["attacker"]["residual"]
    if residual is None:
        return "the server has a picture, and no way to know how close it is"
    certainty = result["attacker"].get("certainty")
    if certainty is not None and residual < CLAIMED:
        return certainty["sentence"].rstrip(".")
    unexplained = f"{percent(residual)} of the update stays unexplained"
    if residual < CLAIMED:
        return f"{unexplained}: whether another picture explains it as well is not known"
    return f"{unexplained}: the server cannot tell whether this picture is right"


def _nothing(metrics: Measures, images: int) -> str:
    whose = "the original" if images == 1 else f"each of the {images} originals"
    value = metrics.get("rdlv")
    told = "" if value is None else f" (RDLV {value:.2f})"
    return f"nothing came back, as the prior picture, which the server had before, is more like {whose} than the answer{told}"


def _single(entry: Measures, candidates: int | None) -> str:
    words, rank = said(entry), entry.get("iip_rank")
    numbers = ", ".join(
        f"{METRICS[name].title} {METRICS[name].shown(entry[name])}"
        for name in ("psnr", "ssim")
        if entry.get(name) is not None
    )
    return f"{words.label}: {_PERSON[words.person]}{_joined(words, rank, candidates)} ({numbers})"


def _joined(words: Said, rank: int | None, candidates: int | None) -> str:
    among = f"among {candidates} pictures" if candidates else "among the candidates"
    if rank is None:
        return "; whether a machine finds it among others was not measured"
    if words.machine == FOUND:
        but = "yet" if words.person in PERSON[2:] else "and"
        return f", {but} a machine finds it, first {among}"
    but = "and" if words.person in PERSON[2:] else "yet"
    return f", {but} a machine does not find it, number {rank} {among}"


def _batch(measured: list[Measures], total: int, candidates: int | None) -> str:
    every = [said(e) for e in measured]
    exact, seen, traces = (sum(one.person in PERSON[:k] for one in every) for k in (1, 2, 3))
    if exact == total:
        told = f"no eye tells any of the {total} pictures from its original"
    elif seen:
        told = f"a person would see {seen} of {total} pictures" + (f", {exact} of them exact" if exact else "")
    elif traces:
        told = f"a person would see traces of {traces} of {total} pictures"
    else:
        told = f"a person would see none of {total} pictures"
    if candidates:
        found = sum(one.machine == FOUND for one in every)
        told += f"; a machine finds {found} of {total} first among {candidates} pictures"
    return f"{of_several(measured).label}: {told}"
