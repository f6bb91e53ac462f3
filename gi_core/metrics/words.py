"""What the numbers say, in one plain sentence. No torch, no skimage.

One rule for one picture, wherever it is spoken of (docs/words.md shows how the thresholds were found):

    exact             MSE < 1e-4
    recognisable      SSIM >= 0.5 or PSNR >= 25 dB, and nearest to its own original where that was measured;
                      or SSIM >= 0.7, whatever is nearest
    identifiable      none of these, yet nearest to its own original of all candidates
    traces only       SSIM >= 0.3
    not recognisable  the rest, and what the server's prior picture is more like than the answer

Where no SSIM was measured, PSNR >= 18 dB counts as recognisable: better warned too often than too seldom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gi_core.metrics.registry import METRICS
from gi_core.types.result import Result
from gi_core.types.result_parts import Measures

_MSE, _PSNR, _SSIM = (METRICS[name].thresholds for name in ("mse", "psnr", "ssim"))
EXACT = _MSE["exact"]  # no eye sees the difference
CLEAR_PSNR, CLEAR_SSIM = (
    _PSNR["clear"],
    _SSIM["clear"],
)  # either one, with identification: a person recognises the picture
SURE_SSIM = _SSIM["sure"]  # so alike in structure that a shift of tone, which misleads identification, changes nothing
TRACE_SSIM = _SSIM["trace"]  # shapes, no more
ALONE_PSNR = _PSNR["alone"]  # where nothing else was measured
CLEAR = {"psnr": CLEAR_PSNR, "ssim": CLEAR_SSIM}
"""Metrics one of which makes a picture recognisable, and from where."""
CLAIMED = 0.1
"""Share of the update left unexplained, up to which an answer says something of it."""
WORDS = ("exact", "recognisable", "identifiable", "traces only", "not recognisable")
"""From the most exposed to the least."""


def verdict(metrics: Measures, images: Sequence[Measures]) -> str:
    """One sentence about a result, from its `metrics` and `per_image`.

    It speaks of what was measured only: without ground truth or without candidates it says so.
    """
    measured = [e for e in images if e.get("mse") is not None]
    if not measured:
        if images:
            return "not recognisable: the reconstruction diverged, nothing finite came back"
        return "there is no original to compare with, so nothing is said about likeness"
    behind = [e for e in measured if below_prior(e)]
    if len(behind) == len(measured):
        return _nothing(metrics, len(images))
    if len(images) == 1:
        return _single(measured[0], metrics.get("iip_candidates"))
    return _batch(measured, len(images), metrics.get("iip_candidates"))


def word(entry: Mapping[str, Any]) -> str:
    """One of `WORDS`, or "" where nothing was measured. entry: mse, psnr, ssim and iip_rank of one picture."""
    mse, psnr = entry.get("mse"), entry.get("psnr")
    if mse is None and psnr is None:
        return ""
    if mse is not None and mse < EXACT:
        return WORDS[0]
    if below_prior(entry):
        return WORDS[4]
    rank, ssim = entry.get("iip_rank"), entry.get("ssim")
    if _clear(psnr, ssim) and rank in (None, 1) or (ssim or 0.0) >= SURE_SSIM:
        return WORDS[1]
    if rank == 1:
        return WORDS[2]
    return WORDS[3] if (ssim or 0.0) >= TRACE_SSIM else WORDS[4]


def recognisable(entry: Mapping[str, Any]) -> bool:
    """Whether a person recognises the picture."""
    return word(entry) in WORDS[:2]


def below_prior(entry: Mapping[str, Any]) -> bool:
    """Whether the prior picture, which the server had before, is more like the original (RDLV below 0).

    Never where the answer is exact or finds its original among others: that the server did not have before.
    """
    value, mse = entry.get("rdlv"), entry.get("mse")
    return value is not None and value < 0 and (mse is None or mse >= EXACT) and entry.get("iip_rank") != 1


def _nothing(metrics: Measures, images: int) -> str:
    whose = "the original" if images == 1 else f"each of the {images} originals"
    value = metrics.get("rdlv")
    said = "" if value is None else f" (RDLV {value:.2f})"
    return (
        f"nothing came back: the prior picture, which the server had before, is more like {whose} than the answer{said}"
    )


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
    unexplained = f"{100 * residual:.2g} % of the update stays unexplained"
    if residual < CLAIMED:
        return f"{unexplained}: whether another picture explains it as well is not known"
    return f"{unexplained}: the server cannot tell whether this picture is right"


def _clear(psnr: float | None, ssim: float | None) -> bool:
    if ssim is None:
        return psnr is not None and psnr >= ALONE_PSNR
    return ssim >= CLEAR_SSIM or (psnr is not None and psnr >= CLEAR_PSNR)


def _single(entry: Measures, candidates: int | None) -> str:
    rank, said = entry.get("iip_rank"), word(entry)
    psnr, among = f"PSNR {entry['psnr']:.1f} dB", f"among {candidates} pictures"
    if said == "exact":
        found = f", and finds it {among}, rank 1" if rank == 1 else ""
        return f"exact: it cannot be told from the original, {psnr}{found}"
    if rank is None:
        return f"{said}: {psnr}; whether it is found among other pictures was not measured"
    if said == "recognisable" and rank == 1:
        return f"recognisable: the reconstruction finds its original {among}, rank 1"
    if said == "identifiable":
        return f"identifiable: poor to the eye ({psnr}), yet it finds its original {among}, rank 1"
    return f"{said}: the original is number {rank} {among} by distance to the reconstruction, {psnr}"


def _batch(measured: list[Measures], total: int, candidates: int | None) -> str:
    seen = sum(recognisable(e) for e in measured)
    found = sum(e.get("iip_rank") == 1 for e in measured)
    exact = sum(e["mse"] < EXACT for e in measured)
    if exact == total:
        words = f"exact: all {total} reconstructions cannot be told from their originals"
    elif seen:
        words = f"recognisable: {seen} of {total} pictures"
    else:
        said = min((word(e) for e in measured), key=WORDS.index)
        many = sum(word(e) == said for e in measured)
        words = f"{said}: " + ("none" if said == WORDS[-1] else f"{many}") + f" of {total} pictures"
    if candidates:
        verb = "finds" if found == 1 else "find"
        words += f"; {found} of {total} {verb} the original among {candidates} pictures at rank 1"
    return words
