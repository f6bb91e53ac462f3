"""One strength of a defense on the scale that fits it: a share, a count, or decades."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import streamlit as st
from pydantic.fields import FieldInfo

from pages.shared import form
from pages.shared.experiment import fields

FEW = 32
"""An integer with at most so many values is counted; one with more climbs in steps of 1, 2, 5."""
DOWN, UP = 4, 3
"""Decades of the scale below and above the default."""
SMALL = 0.05
"""A share whose default is smaller is set on the scale of decades."""


def draw(
    label: str, field: FieldInfo, value: Any, name: str, choose: Callable[[Any], None], labelled: bool = True
) -> bool:  # fmt: skip
    """A slider for the value; False where none fits, and nothing was drawn.

    name: of the widget in the form. choose: called with what a person chose. labelled: with its name and its sentence above it.
    """
    kind, optional = fields.inner_type(field.annotation)
    if kind not in (int, float) or optional:
        return False
    low, high = fields.bounds(field, kind)
    key = form.key(name, value)
    common: dict[str, Any] = {
        "key": key, "help": field.description if labelled else None, "label_visibility": "visible" if labelled else "collapsed",
        "on_change": form.report, "args": (key, lambda: choose(kind(st.session_state[key]))),
    }  # fmt: skip
    if kind is int and low is not None and high is not None and high - low <= FEW:
        st.slider(label, low, high, value, **common)
    elif kind is float and low is not None and low >= 0 and high == 1 and (field.default or 0) >= SMALL:
        ends = [end for end in (0.0, 0.01, 0.99, 1.0) if fields.allows(field, end)]
        st.slider(label, min(ends[0], value), max(ends[-1], value), value, step=0.01, format="percent", **common)
    else:
        st.select_slider(label, ladder(field, kind, value), value, format_func=shown, **common)
    return True


def ladder(field: FieldInfo, kind: type, value: Any) -> list[Any]:
    """Zero, then 1, 2, 5 in every decade around the default, as far as the bounds allow; and the value itself."""
    middle = math.floor(math.log10(abs(field.default or value or 1)))
    steps = {float(f"{m}e{k}") for k in range(middle - DOWN, middle + UP + 1) for m in (1, 2, 5)}
    steps |= {0.0, float(field.default or 0)}
    allowed = {kind(s) for s in steps if kind(s) == s and fields.allows(field, s)}
    return sorted(allowed | {value})


def shown(value: Any) -> str:
    """A number on the scale."""
    return f"{value:g}"
