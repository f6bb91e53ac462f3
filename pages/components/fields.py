"""Settings classes to widgets: bounds, defaults, titles and help come from the class."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gi_core.spec.base import is_basic
from pages.components import form

Path = tuple[str | int, ...]
_WHOLE = 2**31 - 1


def settings(value: BaseModel, path: Path, folded: str | None = "More settings") -> None:
    """Widgets of all fields: basic ones first, the rest folded."""
    fields = [(n, f) for n, f in type(value).model_fields.items() if n not in ("kind", "schema_version")]
    widgets(value, path, [n for n, f in fields if is_basic(f)])
    rest = [n for n, f in fields if not is_basic(f)]
    if rest and folded:
        with st.expander(folded, type="compact", key="fold." + _key(path)):
            widgets(value, path, rest)


def widgets(value: BaseModel, path: Path, names: Iterable[str]) -> None:
    """Widgets of the named fields, two in a line where there is room."""
    names = list(names)
    if names:
        with st.grid(2, min_column_width=130, gap="small", vertical_alignment="bottom"):
            for name in names:
                widget(type(value).model_fields[name], (*path, name), getattr(value, name), value)


def widget(field: FieldInfo, path: Path, value: Any, owner: BaseModel) -> None:
    """One field as the widget that fits its type."""
    inner, optional = _inner(field.annotation)
    kind = getattr(owner, "kind", "")
    key = f"f.{_key(path)}.{kind}"
    label = field.title or str(path[-1]).replace("_", " ").capitalize()
    common = {"key": key, "help": field.description, "on_change": _changed, "args": (key, path)}
    if get_origin(inner) is Literal:
        options = ([None] if optional else []) + list(get_args(inner))
        _seed(key, value)
        st.selectbox(label, options, format_func=_readable, **common)
    elif inner is bool:
        _seed(key, bool(value))
        st.toggle(label, **common)
    elif inner in (int, float):
        _number(label, field, value, optional, inner, common)
    elif inner is str:
        _seed(key, value or "")
        st.text_input(label, max_chars=200, placeholder="automatic", **common)


def _number(label: str, field: FieldInfo, value: Any, optional: bool, kind: type, common: dict) -> None:
    low, high = _bounds(field)
    key = common["key"]
    if kind is int:
        _seed(key, value)
        low, high = int(low) if low is not None else -_WHOLE, int(high) if high is not None else _WHOLE
        st.number_input(label, low, high, value=None if optional else "min", step=1, placeholder="automatic", **common)
        return
    _seed(key, None if value is None else float(value))
    scale = abs(value or field.default or 1.0)
    st.number_input(
        label, low, high, value=None if optional else "min", step=float(scale) / 2, format="%g",
        placeholder="automatic", **common,
    )  # fmt: skip


def _changed(key: str, path: Path) -> None:
    value = st.session_state[key]
    form.change(path, None if value == "" else value)


def _seed(key: str, value: Any) -> None:
    """The form's value is the truth; the widget shows it."""
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value


def _inner(annotation: Any) -> tuple[Any, bool]:
    """(type, whether None is allowed)."""
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [a for a in get_args(annotation) if a is not type(None)]
        return parts[0], len(parts) < len(get_args(annotation))
    return annotation, False


def _bounds(field: FieldInfo) -> tuple[float | None, float | None]:
    """Least and largest value that a person can enter; open bounds are kept out by validation."""
    low = high = None
    for mark in field.metadata:
        low = getattr(mark, "ge", getattr(mark, "gt", low))
        high = getattr(mark, "le", getattr(mark, "lt", high))
    return (None if low is None else float(low)), (None if high is None else float(high))


def _readable(option: Any) -> str:
    return "automatic" if option is None else str(option).replace("_", " ")


def _key(path: Path) -> str:
    return ".".join(str(part) for part in path)
