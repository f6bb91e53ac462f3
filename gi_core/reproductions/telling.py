"""A claim and its measurement as a person reads them. A number never stands without its interval and its count."""

from __future__ import annotations

from gi_core.reproductions.claims import UNPRINTED, Claim
from gi_core.reproductions.verdicts import Measured

MARKS = {
    "source": "read at source",
    "plot": "read off a plot",
    "mirror": "mirrored text",
    "second hand": "second hand",
    "unread": "not read",
}


def published_text(claim: Claim) -> str:
    """The published number as it was printed, with where it was read; of what was not read, that alone."""
    mark = MARKS.get(claim.source, claim.source)
    return mark if claim.source in UNPRINTED else f"{claim.printed} ({mark})"


def number(value: float, unit: str) -> str:
    """Three significant digits and the unit."""
    text = f"{value:.1f}" if 1 <= abs(value) < 1000 or value == 0 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def measured_text(claim: Claim, found: Measured | None) -> str:
    """Value, interval and count; why there is none."""
    if found is None:
        return claim.missing or "nothing yet"
    lost = "".join(f", {found[k]} {k}" for k in ("failed", "refused") if found[k])
    if found["value"] is None or found["interval"] is None:
        return f"nothing ({found['pictures']} pictures{lost})"
    low, high = found["interval"]
    what = {"share": "share", "median": "median", "mean": "mean"}[claim.statistic]
    pictures = "1 picture" if found["pictures"] == 1 else f"{found['pictures']} pictures"
    span = f"{number(low, '')} to {number(high, claim.unit)}"
    return f"{number(found['value'], claim.unit)} [{span}], {what} of {pictures}{lost}; {found['data']}"


def line(claim: Claim, found: Measured) -> str:
    """One line of a terminal."""
    return (
        f"{found['verdict']:19} {claim.id}: published {published_text(claim)}; measured {measured_text(claim, found)}"
    )
