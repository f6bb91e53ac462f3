"""Labels of a chart that do not lie on each other, at any width, however many points there are."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from gi_core.figures.placing import HEIGHTS, WIDTHS, Box, apart, inside, placed


def at(box: Box, width: float, height: float) -> tuple[float, float, float, float]:
    """Left, right, lower and upper side in pixels."""
    x, y = width * box.x + box.dx, height * box.y + box.dy
    return x - box.width / 2, x + box.width / 2, y - box.height / 2, y + box.height / 2


def touch(one: Box, other: Box, width: float, height: float) -> bool:
    a, b = at(one, width, height), at(other, width, height)
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


@pytest.mark.parametrize(("count", "spread"), [(2, 0.0), (8, 0.02), (14, 0.1), (26, 0.4), (40, 1.0)])
def test_no_label_lies_on_another_at_any_width_and_none_leaves_the_chart(count, spread):
    draw = random.Random(count)
    points = [
        Box(0.5 + spread * draw.uniform(-0.5, 0.5), 0.6 + spread * draw.uniform(-0.5, 0.4), 14, 16)
        for _ in range(count)
    ]
    found = placed(points)
    shown = [box for box in found if box is not None]
    assert len(shown) == count if count <= 14 else len(shown) >= 0.6 * count
    for width in (WIDTHS[0], 300, 420, 777, 1000, WIDTHS[1]):
        for height in (HEIGHTS[0], 360, HEIGHTS[1]):
            assert not [pair for pair in combinations(shown, 2) if touch(*pair, width, height)], (width, height)
            sides = [at(box, width, height) for box in shown]
            assert all(left >= 0 and right <= width and low >= 0 and up <= height for left, right, low, up in sides)


def test_what_is_blocked_is_kept_free_where_there_is_room():
    sign = Box(0.3, 0.5, 26, 26)
    (box,) = placed([Box(0.3, 0.5, 14, 16)], [sign, Box(0.3, 0.58, 20, 60)])
    assert box is not None and inside(box) and apart(box, sign) and apart(box, Box(0.3, 0.58, 20, 60))
    assert not apart(Box(0.2, 0.5, 10, 10, dx=30), Box(0.25, 0.5, 10, 10)), (
        "they cross between the narrowest and the widest"
    )
