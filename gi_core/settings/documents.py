"""The one door for JSON and TOML that a person gives: sizes, depths and numbers are bounded before anything is parsed.

A parser makes of each byte what the text asks for: 240 kB of one dotted key become 120,000 tables within each other, and
their paths 23 GB. So a text is first read as a row of tokens, once from left to right, and refused where it is too large,
too deep, or holds a name or a number that no setting has. What passes costs a parser some milliseconds.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from typing import Any, TypeVar

from gi_core.common.errors import SpecError

_Value = TypeVar("_Value")
MOST_BYTES = 256 * 1024
MOST_DEPTH = 32
MOST_PARTS = 16
MOST_NAME = 200
MOST_DIGITS = 64
MOST_VALUES = 50_000
MOST_INTEGER = 2**63 - 1

# Strings are taken whole, an unended one up to the end, so that what they hold is never taken for structure.
_JSON = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z|\\\Z)|[\[\]{},]|[^\s"\[\]{},:]++', re.DOTALL)
_LEADING = re.compile(r"-?[\d.eE+-]++")
_TOML = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"{3,5}|\\?\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]++|\\[^\n])*+(?:"|\\?(?=\n|\Z))'
    r"|'[^'\n]*+(?:'|(?=\n|\Z))"
    r"|\#[^\n]*+|\n|[\[\]{},=.]|[^\s\"'#\[\]{},=.]++",
    re.DOTALL,
)


def json_text(
    content: bytes | str, most: int = MOST_BYTES, what: str = "the text", most_values: int = MOST_VALUES
) -> str:
    """The text of a JSON document that is safe to parse. Raises SpecError with one sentence; it may still be no JSON."""
    text = _text(content, most, what)
    depth = values = 0
    for token in _JSON.finditer(text):
        first, length = text[token.start()], token.end() - token.start()
        if first in "[{":
            depth, values = depth + 1, values + 1
        elif first in "]}":
            depth -= 1
        elif first != '"':
            values += 1
            _number(first, length, what)
        _bound(depth, values, what, most_values)
    return text


def toml_text(content: bytes | str, most: int = MOST_BYTES, what: str = "the text") -> str:
    """The text of a TOML document that is safe to parse. Raises SpecError with one sentence; it may still be no TOML."""
    text = _text(content, most, what).replace("\r\n", "\n")
    depth = values = parts = 0
    for token in _TOML.finditer(text):
        first, length = text[token.start()], token.end() - token.start()
        if first == ".":
            parts, values = parts + 1, values + 1
            if parts >= MOST_PARTS:
                raise SpecError(f"{what} has a name of more than {MOST_PARTS} parts: no setting lies that deep")
            continue
        if first in "[{":
            depth, parts, values = depth + 1, 0, values + 1
        elif first in "]}":
            depth, parts = depth - 1, 0
        elif first in ",=\n":
            values, parts = values + (first != "\n"), 0
        elif first not in "\"'#":
            _number(first, length, what)
        _bound(depth, values, what)
    return text


def read_json(
    content: bytes | str, most: int = MOST_BYTES, what: str = "the text", most_values: int = MOST_VALUES
) -> Any:
    """What a JSON document holds. Raises SpecError with one sentence."""
    text = json_text(content, most, what, most_values)
    try:
        return _whole(json.loads(text), what)
    except SpecError:
        raise
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{what} is not JSON: {_said(error)}") from None


def read_toml(content: bytes | str, most: int = MOST_BYTES, what: str = "the text") -> dict[str, Any]:
    """What a TOML document holds. Raises SpecError with one sentence."""
    text = toml_text(content, most, what)
    try:
        return _whole(tomllib.loads(text), what)
    except SpecError:
        raise
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{what} is not TOML: {_said(error)}") from None


def value_of(text: str, what: str = "the value") -> Any:
    """A JSON value where the text reads as one, else the text itself. Raises SpecError where it is out of bounds."""
    start = text.lstrip()
    if start[:1] in ("[", "{", '"'):
        json_text(text, what=what)
    elif number := _LEADING.match(start):
        _number("0", len(number[0]), what)
    try:
        found = json.loads(text)  # anything else is no JSON by its first letter
    except (ValueError, RecursionError):
        return text
    return _whole(found, what)


def whole_number(text: str) -> int | None:
    """A number from 0 up that is written in ASCII digits and fits 64 bits, or None."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        return None
    number = int(text)
    return number if number <= MOST_INTEGER else None


def _text(content: bytes | str, most: int, what: str) -> str:
    if len(content) > most:
        size = f"{most // 1024} kB" if most < 2**20 else f"{most / 2**20:.0f} MB"
        raise SpecError(f"{what} is too large: at most {size} are read")
    if isinstance(content, str):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError(f"{what} is not a text file") from None


def _bound(depth: int, values: int, what: str, most: int = MOST_VALUES) -> None:
    if depth > MOST_DEPTH:
        raise SpecError(f"{what} has brackets nested more than {MOST_DEPTH} deep: no setting does")
    if values > most:
        raise SpecError(f"{what} has more than {most} values: no settings are that many")


def _number(first: str, length: int, what: str) -> None:
    """A bare word: a number, or in TOML a name."""
    if first in "+-0123456789" and length > MOST_DIGITS:
        raise SpecError(f"{what} has a number of {length} characters: at most {MOST_DIGITS} are read")
    if length > MOST_NAME:
        raise SpecError(f"{what} has a name of {length} characters: at most {MOST_NAME} are read")


def _whole(value: _Value, what: str) -> _Value:
    """The value, checked: names, texts, lists, truths and numbers that 64 bits hold, as every setting is made of."""
    stack: list[Any] = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            long = next((name for name in one if len(name) > MOST_NAME), None)
            if long is not None:
                raise SpecError(f"{what} has a name of {len(long)} characters: at most {MOST_NAME} are read")
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, int):
            if not -MOST_INTEGER <= one <= MOST_INTEGER:
                raise SpecError(f"{what} has a whole number of {len(str(abs(one)))} digits: no setting is that large")
        elif isinstance(one, float):
            if not math.isfinite(one):
                raise SpecError(f"{what} has a number that is not finite: give a finite number")
        elif not isinstance(one, (str, type(None))):
            raise SpecError(f"{what} has a date or a time, which no setting is: write it as a text in quotes")
    return value


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
