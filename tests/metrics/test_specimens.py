"""The pictures at the thresholds are where they say they are, and the rule errs where it says it errs."""

from __future__ import annotations

import numpy as np
import pytest

from gi_core.metrics import specimens
from gi_core.metrics.registry import METRICS


def test_a_picture_is_damaged_to_a_level_and_its_word_changes_there(monkeypatch):
    monkeypatch.setattr(specimens, "SHOWN", (("bundled/faces:3", 25),))
    found = specimens.at_thresholds()
    assert [[s.said.person for s in row] for _, row in found] == [
        ["seen"] * 3,
        ["traces"] * 3,
        ["traces"] * 3,
        ["not seen"] * 3,
    ]
    limits = METRICS["ssim"].thresholds
    for (_, row), level in zip(found, (limits["seen"], limits["seen"], limits["trace"], limits["trace"]), strict=True):
        assert [s.entry["ssim"] for s in row] == pytest.approx([level] * 3, abs=0.02)


@pytest.mark.parametrize("damage", specimens.DAMAGES.values(), ids=specimens.DAMAGES)
def test_no_damage_is_the_original_and_more_is_less_like_it(damage):
    picture = specimens._original("bundled/faces:3", 25)
    assert np.allclose(damage(picture, 0.0), picture)
    errors = [float(((damage(picture, t) - picture) ** 2).mean()) for t in (0.2, 0.5, 1.0)]
    assert errors == sorted(errors) and errors[0] > 0


def test_the_rule_errs_where_the_page_says_so():
    """Three that a person sees are called nothing, as half of a picture that a blank one is as like; then what is called too much."""
    assert [s.said.person for s in specimens.errors()] == ["not seen"] * 3 + ["seen"] * 2
