"""Where the labels of points stand so that none lies on another, however wide the chart is drawn. No plotly here.

A label moves with its point and keeps its offset in pixels. Two of them at shares u, v of a length L, with offsets a, b, are

    d(L) = L (u - v) + (a - b)

apart, which is linear: over all lengths they are nearest at an end, or on each other somewhere between where the sign changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

WIDTHS, HEIGHTS = (230.0, 1300.0), (300.0, 420.0)
"""Pixels between the axes, on a telephone and on a large screen."""
_RINGS = (21, 30, 42, 56, 72, 90, 110, 135, 160, 190)
_TURNS = (90, 270, 0, 180, 45, 135, 315, 225, 67, 112, 247, 292, 22, 157, 202, 337)
"""Degrees, those first that are nearest to where a label is looked for: above, below, beside."""
_AIR = 2.0


@dataclass(frozen=True)
class Box:
    """x, y: shares of the width and height, from the lower left corner. dx, dy: pixels from there to its middle, to the right and
    upwards. width, height: its own, in pixels.
    """

    x: float
    y: float
    width: float
    height: float
    dx: float = 0.0
    dy: float = 0.0


def apart(one: Box, other: Box, widths: tuple[float, float] = WIDTHS, heights: tuple[float, float] = HEIGHTS) -> bool:
    """Whether they touch at no width and height of the chart."""
    return _apart(one.x - other.x, one.dx - other.dx, (one.width + other.width) / 2, widths) or _apart(
        one.y - other.y, one.dy - other.dy, (one.height + other.height) / 2, heights
    )


def _apart(share: float, offset: float, room: float, lengths: tuple[float, float]) -> bool:
    near, far = (length * share + offset for length in lengths)
    return near * far > 0 and min(abs(near), abs(far)) >= room + _AIR


def inside(box: Box, widths: tuple[float, float] = WIDTHS, heights: tuple[float, float] = HEIGHTS) -> bool:
    """Whether it is between the axes at every width and height."""
    return all(
        half <= length * share + offset <= length - half
        for share, offset, half, lengths in (
            (box.x, box.dx, box.width / 2, widths),
            (box.y, box.dy, box.height / 2, heights),
        )
        for length in lengths
    )


def placed(labels: Sequence[Box], blocked: Sequence[Box] = ()) -> list[Box | None]:
    """Each label moved beside its point: on no other label, between the axes, and off what is blocked where there is room.

    labels: boxes at their points. None of one for which there is no room at all.
    """
    found: list[Box | None] = []
    for label in labels:
        taken = [one for one in found if one is not None]
        free = [spot for spot in _spots(label) if inside(spot) and all(apart(spot, one) for one in taken)]
        clear = (spot for spot in free if all(apart(spot, one) for one in blocked))
        found.append(next(clear, free[0] if free else None))
    return found


def _spots(label: Box) -> list[Box]:
    """Where it may stand, the nearest first."""
    return [
        replace(label, dx=ring * math.cos(math.radians(turn)), dy=ring * math.sin(math.radians(turn)))
        for ring in _RINGS
        for turn in _TURNS
    ]
