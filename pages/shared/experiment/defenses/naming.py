"""A defense with its strengths in a few words."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.settings.base import is_basic
from gi_core.settings.defense_base import DefenseSettings
from pages.shared.experiment import fields

NONE = "No defense"


def strengths(defense: DefenseSettings) -> str:
    """Noise level 0.01, or share pruned 40 %."""
    found = []
    for name, field in type(defense).model_fields.items():
        if is_basic(field):
            value = getattr(defense, name)
            share = fields.inner_type(field.annotation)[0] is float and fields.bounds(field, float)[1] == 1
            shown = f"{100 * value:g} %" if share else f"{value:g}" if isinstance(value, (int, float)) else str(value)
            found.append(f"{fields.name_of(field, (name,)).lower()} {shown}")
    return ", ".join(found)


def named(defenses: Sequence[DefenseSettings]) -> str:
    """Titles with strengths, in their order; one that says that there is none."""
    parts = [", ".join(filter(None, (d.title, strengths(d)))) for d in defenses]
    return " + ".join(parts) or NONE
