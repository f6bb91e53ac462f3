"""What the numbers say, in one plain sentence. No torch, no skimage."""

from __future__ import annotations

from typing import Any

EXACT = 1e-4  # MSE: no eye sees the difference
CLEAR_PSNR, CLEAR_SSIM = 18.0, 0.5  # either one: a person recognises the picture
CHANCE = 95.0  # percentile under which retrieval may well be chance: noise passes it 1 time in 20


def verdict(result: dict[str, Any]) -> str:
    """One sentence about a result object (`metrics`, `per_image`, `status`, `error`).

    It speaks of what was measured only: without ground truth or without candidates it says so.
    """
    if result.get("status") in ("failed", "cancelled") and not result.get("metrics"):
        return "no picture came back" + (f": {result['error']}" if result.get("error") else "")
    metrics, images = result.get("metrics") or {}, result.get("per_image") or []
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


def recognisable(entry: dict[str, Any]) -> bool:
    """Clear to the eye (PSNR or SSIM) and, where that was measured, nearest to its own original."""
    rank = entry.get("iip_rank")
    return _clear(entry) and rank in (None, 1) and not below_prior(entry)


def below_prior(entry: dict[str, Any]) -> bool:
    """Whether the prior picture, which the server had before, is more like the original (RDLV below 0).

    Never where the answer is exact or finds its original among others: that the server did not have before.
    """
    value = entry.get("rdlv")
    return value is not None and value < 0 and entry["mse"] >= EXACT and entry.get("iip_rank") != 1


def _nothing(metrics: dict[str, Any], images: int) -> str:
    whose = "the original" if images == 1 else f"each of the {images} originals"
    value = metrics.get("rdlv")
    said = "" if value is None else f" (RDLV {value:.2f})"
    return (
        f"nothing came back: the prior picture, which the server had before, is more like {whose} than the answer{said}"
    )


def _clear(entry: dict[str, Any]) -> bool:
    psnr, ssim = entry.get("psnr"), entry.get("ssim")
    return (psnr is not None and psnr >= CLEAR_PSNR) or (ssim is not None and ssim >= CLEAR_SSIM)


def _single(entry: dict[str, Any], candidates: int | None) -> str:
    rank, among = entry.get("iip_rank"), f"among {candidates} pictures"
    psnr = f"PSNR {entry['psnr']:.1f} dB"
    if rank is None:
        if entry["mse"] < EXACT:
            return f"exact: it cannot be told from the original, {psnr}"
        word = "recognisable" if _clear(entry) else "not recognisable"
        return f"{word}: {psnr}; whether it is found among other pictures was not measured"
    if rank == 1 and entry["mse"] < EXACT:
        return f"exact: it cannot be told from the original, {psnr}, and finds it {among}, rank 1"
    if rank == 1 and _clear(entry):
        return f"recognisable: the reconstruction finds its original {among}, rank 1"
    if rank == 1:
        return f"identifiable: poor to the eye ({psnr}), yet it finds its original {among}, rank 1"
    word = "traces only" if entry.get("iip_percentile", 0) >= CHANCE else "not recognisable"
    return f"{word}: the original is number {rank} {among} by distance to the reconstruction, {psnr}"


def _batch(measured: list[dict[str, Any]], total: int, candidates: int | None) -> str:
    seen = sum(recognisable(e) for e in measured)
    found = sum(e.get("iip_rank") == 1 for e in measured)
    exact = sum(e["mse"] < EXACT for e in measured)
    if exact == total:
        words = f"exact: all {total} reconstructions cannot be told from their originals"
    elif seen:
        words = f"recognisable: {seen} of {total} pictures"
    else:
        words = f"not recognisable: none of {total} pictures"
    if candidates:
        verb = "finds" if found == 1 else "find"
        words += f"; {found} of {total} {verb} the original among {candidates} pictures at rank 1"
    return words
