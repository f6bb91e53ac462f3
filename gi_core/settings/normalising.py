"""Input normalisation by numbers: `0.5/0.5`, or `m1,m2,m3/s1,s2,s3` with one number for each channel."""

from __future__ import annotations

import math
import re

Numbers = tuple[tuple[float, ...], tuple[float, ...]]
HELP = (
    "Input normalisation: none, auto (the data set's own), a data set's name, or numbers: MEAN/STD such as 0.5/0.5, or"
    " m1,m2,m3/s1,s2,s3 for three channels."
)
_LOOKS = re.compile(r"[-+.,/\s\deEnaifNAIF]*/[-+.,/\s\deEnaifNAIF]*")
_NUMBER = re.compile(r"[-+]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][-+]?\d{1,3})?")
_WRITE = "write MEAN/STD such as 0.5/0.5, or m1,m2,m3/s1,s2,s3"
MOST = 1e6


def numbers(text: str) -> Numbers | None:
    """(means, standard deviations), one or three of each, or None where `text` is a name. Raises ValueError, one sentence."""
    if "/" not in text or not _LOOKS.fullmatch(text):
        return None
    parts = text.split("/")
    if len(parts) != 2:
        raise ValueError(f"a normalisation has one slash: {_WRITE}")
    mean, std = (tuple(_number(part) for part in side.split(",")) for side in parts)
    if len(mean) != len(std) and 1 not in (len(mean), len(std)):
        raise ValueError(f"a normalisation has as many means as standard deviations, not {len(mean)} and {len(std)}")
    count = max(len(mean), len(std))
    if count not in (1, 3):
        raise ValueError(f"a normalisation has one number or three, one for each channel, not {count}: {_WRITE}")
    if min(std) <= 0:
        raise ValueError(f"a standard deviation of a normalisation is above 0, not {min(std):g}")
    return (mean * count if len(mean) == 1 else mean), (std * count if len(std) == 1 else std)


def channels(text: str) -> int:
    """How many channels a normalisation by numbers is for; 0 for a name."""
    found = numbers(text)
    return len(found[0]) if found else 0


def _number(text: str) -> float:
    text = text.strip()
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value) or abs(value) > MOST:
        raise ValueError(f"{text[:40]!r} in a normalisation is no number that fits: {_WRITE}")
    if value and abs(value) < 1 / MOST:
        raise ValueError(f"{text[:40]!r} in a normalisation is too close to 0: {_WRITE}")
    return value


def checked(text: str) -> str:
    """The text, if it is a name or fitting numbers. Raises ValueError with a sentence."""
    numbers(text)
    return text
