"""docs/api.md, written from the docstrings: `python -m gi_core.api.reference > docs/api.md`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import gi_core

_INTRO = """# Python interface

Every public name of `gi_core`, from its docstring; `python -m gi_core.api.reference > docs/api.md` writes this page anew.
[Your own network and gradients](python.md) shows how they are used.

    import gi_core as gi
"""


def document() -> str:
    """The whole page, Markdown."""
    names = [name for name in gi_core.__all__ if name != "__version__"]
    functions = [name for name in names if not inspect.isclass(getattr(gi_core, name))]
    classes = [name for name in names if name not in functions]
    anchors = {name: f"gi{name}" for name in functions} | {name: f"class-gi{name.lower()}" for name in classes}
    rows = [f"| [`gi.{name}`](#{to}) | {first_sentence(getattr(gi_core, name))} |" for name, to in anchors.items()]
    index = "\n".join(["| name | what it is |", "|---|---|", *rows])
    parts = [_function(name) for name in functions] + [_class(name) for name in classes]
    return f"{_INTRO}\n{index}\n" + "".join(parts)


def first_sentence(thing: Any) -> str:
    """What it is, in one sentence."""
    text = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".:") + "."


def _function(name: str) -> str:
    thing = getattr(gi_core, name)
    return f"\n## gi.{name}\n\n```python\n{_signature(name, thing)}\n```\n\n{_text(thing)}\n"


def _class(name: str) -> str:
    thing = getattr(gi_core, name)
    members = list(_members(thing))
    lines = "".join(f"- `{said}`: {text}\n" for said, text in members)
    return f"\n## class gi.{name}\n\n{_text(thing)}\n" + (f"\n{lines}" if lines else "")


def _members(thing: type) -> Iterator[tuple[str, str]]:
    """(how it is written, its sentence) of each public method and property, those of its own bases too."""
    for name, value in inspect.getmembers(thing):
        own = any(name in vars(base) for base in thing.__mro__ if base.__module__.startswith("gi_core"))
        if name.startswith("_") or not own or not (callable(value) or isinstance(value, property)):
            continue
        where = value.fget if isinstance(value, property) else value
        said = name if isinstance(value, property) else _signature(name, value)
        yield said, " ".join((inspect.getdoc(where) or "").split())


def _signature(name: str, thing: Any) -> str:
    """The call, one argument a line where it is long."""
    found = inspect.signature(thing)
    parts: list[str] = []
    for one in found.parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        if one.name != "self":
            parts.append(_parameter(one))
    back = "" if found.return_annotation is found.empty else f" -> {found.return_annotation}"
    text = f"{name}({', '.join(parts)}){back}"
    return text if len(text) <= 110 else f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){back}"


def _parameter(one: inspect.Parameter) -> str:
    star = "**" if one.kind is one.VAR_KEYWORD else ""
    kind = "" if one.annotation is one.empty else f": {one.annotation}"
    return f"{star}{one.name}{kind}" + ("" if one.default is one.empty else f" = {one.default!r}")


def _text(thing: Any) -> str:
    """The docstring; a line for each argument becomes a list, and formulas, which are indented, stay as they are."""
    blocks = []
    for block in (inspect.getdoc(thing) or "").split("\n\n"):
        rows = re.findall(r"^(\w+(?:, \w+)*): (.*(?:\n    .*)*)", block, re.M)
        whole = bool(rows) and not inspect.isclass(thing)
        blocks.append("\n".join(f"- `{name}`: {' '.join(text.split())}" for name, text in rows) if whole else block)
    return "\n\n".join(blocks)


if __name__ == "__main__":
    print(document(), end="")
