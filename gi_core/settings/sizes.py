"""The size of pictures, as a person writes it: 32, 64x96 (height x width), or own."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from gi_core.settings.bounds import MAX_SIZE

OWN = "own"
"""Every picture keeps the shape that it has."""
MIN_SIZE = 4
Size = Annotated[int, Field(ge=MIN_SIZE, le=MAX_SIZE)] | str
HELP = (
    f"Pixels of the picture: a side such as 32, HEIGHTxWIDTH such as 64x96, or own for its whole shape; a square of 32"
    f" at most, cut from the middle, when empty. Sides of {MIN_SIZE} to {MAX_SIZE}."
)
_PAIR = re.compile(r"\s*(\d{1,6})\s*[x×]\s*(\d{1,6})\s*", re.IGNORECASE)


def parsed(value: Any) -> Size | None:
    """What was given, written the one way that is kept: a whole number for squares. Raises ValueError with a sentence."""
    if value is None or value == OWN:
        return None if value is None else OWN
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value.strip()) < 7:
        value = int(value)
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(_wrong(value))
    if isinstance(value, (list, tuple)) and len(value) == 2 and all(type(side) is int for side in value):
        return whole(*value)
    if isinstance(value, (int, float)):
        return whole(int(value), int(value))
    match = _PAIR.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(_wrong(value))
    return whole(int(match[1]), int(match[2]))


def whole(height: int, width: int) -> Size:
    """Height and width as a size; a whole number where they are equal. Raises ValueError out of bounds."""
    for side in (height, width):
        if side < MIN_SIZE:
            raise ValueError(f"give {MIN_SIZE} or more, not {_short(side)}")
        if side > MAX_SIZE:
            raise ValueError(f"give {MAX_SIZE} or less, not {_short(side)}")
    return height if height == width else f"{height}x{width}"


def sides(size: Size | None) -> tuple[int, int] | None:
    """(height, width), or None where the pictures say it themselves."""
    if size is None or size == OWN:
        return None
    if isinstance(size, int):
        return size, size
    height, _, width = size.partition("x")
    return int(height), int(width)


def _wrong(value: Any) -> str:
    return f"give a side such as 32, HEIGHTxWIDTH such as 64x96, or own, not {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of {value.bit_length()} bits"
    return repr(value[:40] if isinstance(value, (str, list, tuple)) else value)[:60]
