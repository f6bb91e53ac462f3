"""A validation error as one sentence that says what to change."""

from __future__ import annotations

import reprlib
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gi_core.common.errors import SpecError
from gi_core.settings.client import Fresh, FromFile, Pretrained, Trained
from gi_core.settings.registry import FAMILIES, suggestion

Made = TypeVar("Made", bound=BaseModel)
_KINDS: dict[str, type[BaseModel]] = {
    **{kind: cls for family in FAMILIES.values() for kind, cls in family.items()},
    **{cls.model_fields["kind"].default: cls for cls in (Fresh, FromFile, Trained, Pretrained)},
}
_BOUNDS = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "a number below {lt}",
    "less_than_equal": "{le} or less",
    "string_too_long": "a text of {max_length} characters or less",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
}
_TYPES = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "string": "a text",
    "tuple": "a list", "list": "a list", "model": "an object with settings", "dict": "an object with settings",
}  # fmt: skip


def made(cls: type[Made], values: Any, wrong: str = "") -> Made:
    """The settings of plain values. Raises SpecError: `wrong`, and what to change."""
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        raise SpecError(wrong + sentence(error, cls)) from None


def sentence(error: ValidationError, of: type[BaseModel]) -> str:
    """The first problem of a validation error; `of` is the class that was to be made."""
    found = error.errors(include_url=False)
    first, more = found[0], len(found) - 1
    message = _message(first, of)
    where = _where(first["loc"])
    named = f"{where}: {message}" if where and not message.startswith("there is no setting") else message
    return named + (f" (and {more} more)" if more else "")


def _where(loc: tuple[int | str, ...]) -> str:
    """The dotted path as `--set` takes it: the kind that chose a class is no part of it."""
    return ".".join(str(p) for i, p in enumerate(loc) if not (0 < i < len(loc) - 1 and p in _KINDS))


def _message(problem: ErrorDetails, of: type[BaseModel]) -> str:
    kind, context, value = problem["type"], problem.get("ctx", {}), problem["input"]
    if kind == "extra_forbidden":
        return _unknown(problem["loc"], of)
    if kind == "union_tag_invalid":
        known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        return f"there is no kind {context['tag']!r}: {suggestion(str(context['tag']), known)}"
    if kind == "missing":
        return "this is missing"
    if kind == "union_tag_not_found":
        return "say which one with kind"
    if kind == "json_invalid":
        return f"it is not JSON, {context['error']}"
    if kind == "too_long":
        return f"give at most {context['max_length']} of them, not {context['actual_length']}"
    if kind in ("too_short", "string_too_short"):
        return "this cannot be empty"
    if problem["loc"] == ("schema_version",) and isinstance(value, int):
        return f"this program reads {context['expected']}, not {value}: use the program that wrote it"
    if kind in _BOUNDS:
        return f"give {_BOUNDS[kind].format(**context)}, not {_shown(value)}"
    wanted = _TYPES.get(kind.partition("_")[0])
    if wanted:
        return f"give {wanted}, not {_shown(value)}"
    return problem["msg"].removeprefix("Value error, ")


def _unknown(loc: tuple[int | str, ...], of: type[BaseModel]) -> str:
    owner = _KINDS.get(str(loc[-2])) if len(loc) > 1 else of
    hint = suggestion(str(loc[-1]), owner.model_fields) if owner else "leave it out"
    return f"there is no setting {_where(loc)[:80]!r}: {hint}"


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of {value.bit_length()} bits"
    text = repr(value[:60]) if isinstance(value, str) else reprlib.repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
