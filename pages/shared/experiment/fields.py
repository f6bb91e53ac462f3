"""Settings classes to widgets: bounds, defaults, titles and help come from the class."""

from __future__ import annotations

import operator
import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gi_core.settings.base import is_basic
from pages.shared import form
from pages.shared.experiment import references

Path = tuple[str | int, ...]
_NO_WIDGET = ("kind", "schema_version", "layers", "adaptive")


def settings(value: BaseModel, path: Path, folded: str | None = "More settings") -> None:
    """Widgets of all fields: basic ones first, the rest folded."""
    fields = [(n, f) for n, f in type(value).model_fields.items() if n not in _NO_WIDGET]
    first = [n for n, f in fields if is_basic(f) or n in references.SHOWN_FIRST]
    widgets(value, path, first)
    rest = [n for n, _ in fields if n not in first]
    if rest and folded:
        with st.expander(folded, type="compact", key="fold." + joined(path)):
            widgets(value, path, rest)


def widgets(value: BaseModel, path: Path, names: Iterable[str], columns: int = 2) -> None:
    """Widgets of the named fields, two in a line where there is room; those that name a file have a line each."""
    names = list(names)
    plain = [name for name in names if name not in references.PICKERS]
    if plain:
        with st.grid(columns, min_column_width=260 // columns, gap="small", vertical_alignment="bottom"):
            for name in plain:
                widget(type(value).model_fields[name], (*path, name), getattr(value, name), value)
    for name in names:
        if name in references.PICKERS:
            references.PICKERS[name](value, (*path, name))


def widget(field: FieldInfo, path: Path, value: Any, owner: BaseModel, explained: bool = True) -> None:
    """One field as the widget that fits its type. explained: with its sentence of help."""
    inner, optional = inner_type(field.annotation)
    written = get_origin(inner) is not Literal and inner not in (bool, int, float)
    shown = ("" if value is None else str(value)) if written else bool(value) if inner is bool else value
    key, label = key_of(path, owner, shown), name_of(field, path)
    common: dict[str, Any] = {
        "key": key, "help": field.description if explained else None,
        "on_change": form.report, "args": (key, _changed, key, path, getattr(owner, "kind", "")),
    }  # fmt: skip
    if get_origin(inner) is Literal:
        options = ([None] if optional else []) + list(get_args(inner))
        st.selectbox(label, options, options.index(value), format_func=_readable, placeholder="automatic", **common)
    elif inner is bool:
        st.toggle(label, bool(value), **common)
    elif inner in (int, float):
        low, high = bounds(field, inner)
        step = 1 if inner is int else float(abs(value or field.default or 1.0)) / 2
        start = None if value is None else inner(value)
        common |= {"format": "%g"} if inner is float else {}
        empty = "automatic" if explained else "auto"
        st.number_input(label, low, high, start, step=step, placeholder=empty, **common)
    elif inner is str:
        st.text_input(label, "" if value is None else str(value), max_chars=200, placeholder="automatic", **common)


def key_of(path: Path, owner: BaseModel, shows: Any) -> str:
    """The key of a field's widget that shows this."""
    return form.key(f"{joined(path)}.{getattr(owner, 'kind', '')}", shows)


def name_of(field: FieldInfo, path: Path) -> str:
    """What a person reads beside the widget."""
    return field.title or str(path[-1]).replace("_", " ").capitalize()


def _changed(key: str, path: Path, kind: str) -> None:
    """Take over the change, if the part that the widget was drawn for is still there."""
    if form.kind_at(path[:-1]) == kind:
        value = st.session_state[key]
        form.change(path, None if value == "" else value, seen=True)


def inner_type(annotation: Any) -> tuple[Any, bool]:
    """(type, whether None is allowed)."""
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [a for a in get_args(annotation) if a is not type(None)]
        if str in parts:  # a number or words, such as a size
            return str, len(parts) < len(get_args(annotation))
        return parts[0], len(parts) < len(get_args(annotation))
    return annotation, False


def bounds(field: FieldInfo, kind: type) -> tuple[Any, Any]:
    """Least and largest value that a person can enter; open bounds are kept out by validation."""
    low = high = None
    for mark in field.metadata:
        low = getattr(mark, "ge", getattr(mark, "gt", low))
        high = getattr(mark, "le", getattr(mark, "lt", high))
    return (None if low is None else kind(low)), (None if high is None else kind(high))


def allows(field: FieldInfo, value: Any) -> bool:
    """Whether the value is within the field's bounds, open ones too."""
    tests = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
    marks = [(test, getattr(mark, name, None)) for mark in field.metadata for name, test in tests.items()]
    return all(bound is None or test(value, bound) for test, bound in marks)


def _readable(option: Any) -> str:
    return "automatic" if option is None else str(option).replace("_", " ")


def joined(path: Path) -> str:
    """A path as one word."""
    return ".".join(str(part) for part in path)
