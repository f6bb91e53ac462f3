"""Bounds of vision transformers: the counts that were worked out for known ones, and what lies beside the bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gi_core.settings import attention_bounds as bounds
from gi_core.settings.attention_bounds import AttentionShape


@pytest.mark.parametrize(
    ("patches", "patch", "width", "heads", "coset", "exact"),
    [
        (49, 32, 768, 12, 15, 4), (49, 32, 1024, 16, 20, 5), (16, 16, 768, 12, 47, 13), (36, 16, 768, 12, 21, 6),
        (16, 16, 384, 6, 23, 9), (196, 16, 768, 12, 3, 1), (196, 16, 1024, 16, 3, 1), (196, 16, 384, 6, 1, 1),
        (196, 16, 192, 3, 0, 0), (256, 14, 1280, 16, 2, 1),
    ],
    ids=["B/32", "L/32", "B/16 at 64", "B/16 at 96", "S/16 at 64", "B/16", "L/16", "S/16", "Ti/16", "H/14"],
)  # fmt: skip
def test_known_transformers(patches, patch, width, heads, coset, exact):
    shape = AttentionShape(patches, 3 * patch**2, width, heads)
    assert (bounds.coset_most(shape), bounds.exact_most(shape)) == (coset, exact)


def test_the_bound_of_a_small_one_is_sharp():
    shape = AttentionShape(4, 192, 64, 4)
    assert bounds.separating(shape) == 960 and bounds.exact_most(shape) == 7
    assert bounds.inseparable(shape, 7) == 0 and bounds.inseparable(shape, 8) == 1024 - 8 - 960


def test_prefix_tokens_and_one_block_take_equations():
    shape = AttentionShape(4, 192, 64, 4)
    assert bounds.separating(replace(shape, prefix=2)) == 4 * 15 * 14
    assert bounds.separating(replace(shape, prefix=0)) == 4 * 16**2
    assert bounds.exact_most(replace(shape, blocks=1)) == 1
    assert bounds.exact_most(replace(shape, blocks=1, mean_pooled=True)) == 7


def test_frozen_positions_need_room_and_sines_leave_patches_unplaced():
    small = AttentionShape(196, 768, 384, 6, positions="frozen")
    assert bounds.misplaced(small) == 196 + 196 + 2 - 384 and bounds.exact_most(small) == 0
    assert bounds.misplaced(replace(small, width=394)) == 0
    for n in (2, 4, 6):
        sines = AttentionShape(n * n, 192, 768, 12, positions="sincos")
        assert bounds.misplaced(sines) == (n - 1) ** 2 and bounds.exact_most(sines) == 0
        assert bounds.coset_open(sines, 2) is None
