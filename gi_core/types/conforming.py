"""Whether a document is what its type says, field by field."""

from __future__ import annotations

import types
from collections.abc import Collection
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def faults(value: Any, kind: Any, at: str = "", open_: Collection[type] = ()) -> list[str]:
    """Where the value is not of its type: fields that are not declared or lacking, and values of another type.

    open_: typed dictionaries that may hold more than they declare.
    """
    if kind is Any:
        return []
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        found = [faults(value, one, at, open_) for one in inner]
        return [] if [] in found else max(found, key=lambda one: len(one[0]))
    if origin is Literal:
        return [] if value in inner else [f"{at}: {value!r} is none of {inner}"]
    if is_typeddict(kind):
        if not isinstance(value, dict):
            return [f"{at}: no object but {value!r}"]
        hints = get_type_hints(kind)
        lacking = [f"{at}.{name} is missing" for name in kind.__required_keys__ - value.keys()]
        more = [f"{at}.{name} is not declared" for name in value.keys() - hints.keys() if kind not in open_]
        return (
            lacking
            + more
            + [f for k, v in value.items() if k in hints for f in faults(v, hints[k], f"{at}.{k}", open_)]
        )
    if origin is list:
        wrong = [] if isinstance(value, list) else [f"{at}: no list but {value!r}"]
        return wrong or [f for k, v in enumerate(value) for f in faults(v, inner[0], f"{at}[{k}]", open_)]
    if origin is dict:
        wrong = [] if isinstance(value, dict) else [f"{at}: no object but {value!r}"]
        return wrong or [f for k, v in value.items() for f in faults(v, inner[1], f"{at}.{k}", open_)]
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool) == isinstance(value, bool)
    return [] if fits else [f"{at}: {value!r} is no {kind.__name__}"]
