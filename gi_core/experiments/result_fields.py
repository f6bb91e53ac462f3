"""docs/results.md, written from the types of a result: `python -m gi_core.experiments.result_fields > docs/results.md`. No torch."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from gi_core.types.result import NoPicture, Result

_INTRO = """# Results

A run ends with one JSON object. It is `result.json` in the run's folder, what `--json` prints, and what the pages draw. These
tables are written from `gi_core/types/result.py` by `python -m gi_core.experiments.result_fields > docs/results.md`.

A number that is not finite is null. A field without a yes under "always" is left out where it does not apply, and by versions
before it.
"""
_PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null"}


def document() -> str:
    """The whole document, Markdown."""
    return _INTRO + "".join(_section(part) for part in parts(Result, NoPicture))


def parts(*roots: type) -> list[type]:
    """These typed dictionaries and all that are in their fields, each once, in the order of their first mention."""
    found: list[type] = []
    for root in roots:
        for part in (root, *(p for hint in get_type_hints(root).values() for p in parts(*_inside(hint)))):
            if part not in found:
                found.append(part)
    return found


def _inside(hint: Any) -> Iterator[type]:
    """The typed dictionaries in a type."""
    if is_typeddict(hint):
        yield hint
    for inner in get_args(hint):
        yield from _inside(inner)


def _section(part: type) -> str:
    head = f"\n## {part.__name__}\n\n{part.__doc__}\n\n| field | always | type | meaning |\n|---|---|---|---|\n"
    rows = [_cells(part, name, hint) for name, hint in get_type_hints(part, include_extras=True).items()]
    return head + "".join(f"| {' | '.join(row)} |\n" for row in sorted(rows, key=lambda row: not row[1]))


def _cells(part: Any, name: str, hint: Any) -> tuple[str, str, str, str]:
    if get_origin(hint) is NotRequired:
        (hint,) = get_args(hint)
    kind, meaning = get_args(hint)
    always = "yes" if name in part.__required_keys__ else ""
    return f"`{name}`", always, _named(kind), meaning.replace("|", "\\|")


def _named(kind: Any) -> str:
    """The type in words."""
    if is_typeddict(kind):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    origin, inner = get_origin(kind), get_args(kind)
    if origin is list:
        return f"list of {_named(inner[0])}"
    if kind == dict[str, Any]:
        return "object"
    if origin is dict:
        return f"{_named(inner[1])} by name"
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_named(one) for one in inner)
    return _PLAIN[kind]


if __name__ == "__main__":
    print(document(), end="")
