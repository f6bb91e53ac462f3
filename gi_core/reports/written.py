"""A call of the Python interface as text, an argument on each line."""

from __future__ import annotations

import pprint
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 100


def call(name: str, arguments: Mapping[str, Any], given: Sequence[str] = ()) -> str:
    """`result = gi.NAME(...)`. given: names of variables that come first."""
    lines = "".join(f"    {one},\n" for one in given)
    lines += "".join(f"    {key}={_value(value, len(key) + 5)},\n" for key, value in arguments.items())
    return f"result = gi.{name}(\n{lines})\n"


def _value(value: Any, indent: int) -> str:
    text = pprint.pformat(value, width=WIDTH - indent, sort_dicts=False)
    return text.replace("\n", "\n" + " " * indent)
