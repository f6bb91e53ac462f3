"""The ground of the language: frozen settings that describe themselves.

A settings class is the single source of a form, a command-line help, a document and a
validation message, so title, description, paper, needs and bounds live on it. No torch here.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

MOST_TEXT = 4096
"""Characters of a text in a setting: the longest path that Linux takes."""


class Settings(BaseModel):
    """Frozen, strict about names; equal settings hash and compare equal."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, str_max_length=MOST_TEXT
    )


class Question(Settings):
    """All that one document asks."""

    def key(self) -> str:
        """Content hash: equal questions have equal keys."""
        text = json.dumps(identity(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Component(Settings):
    """A choosable part of an experiment, found by its `kind`.

    title, description: what a person reads. paper: where it was published, if anywhere; link: the address of that.
    needs: capabilities (see `settings.check`) without which it is refused. presets: named sets of values
    (published configurations), chosen on a command line with `preset=NAME`. offered: whether it can be picked by its kind
    alone. words: what a command line calls a field whose name Python does not allow.
    """

    title: ClassVar[str] = ""
    description: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    link: ClassVar[str] = ""
    needs: ClassVar[frozenset[str]] = frozenset()
    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    offered: ClassVar[bool] = True
    words: ClassVar[dict[str, str]] = {}

    if TYPE_CHECKING:  # the field of every kind itself, a literal

        @property
        def kind(self) -> str: ...

    @property
    def name(self) -> str:
        """The component as written on a command line: kind, then what differs from default."""
        kind = self.kind
        fields = type(self).model_fields
        changed = {
            key: getattr(self, key) for key in fields if key != "kind" and getattr(self, key) != fields[key].default
        }
        if not changed:
            return kind
        called = {field: word for word, field in self.words.items()}
        return kind + ":" + ",".join(f"{called.get(k, k)}={_scalar(v)}" for k, v in changed.items())


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def setting(
    default: Any, help: str, *, title: str | None = None, basic: bool = False, added: bool = False, **bounds: Any
) -> Any:
    """One field: `help` is a sentence; `basic` fields are shown first, the rest folded. added: after the first release,
    so that at its default it is no part of what identifies a question (`identity`).
    """
    return Field(default, title=title, description=help, json_schema_extra={"basic": basic, "added": added}, **bounds)


def is_basic(field: Any) -> bool:
    """Whether a form shows the field at once."""
    return bool((field.json_schema_extra or {}).get("basic"))


def identity(value: Any) -> Any:
    """What of settings makes one question another: all values as JSON has them, but `added` fields at their default."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        kept = [n for n, f in fields.items() if not (_added(f) and getattr(value, n) == f.default)]
        plain = value.model_dump(mode="json")
        return {name: _within(getattr(value, name), plain[name]) for name in kept}
    return value


def _added(field: Any) -> bool:
    return bool((field.json_schema_extra or {}).get("added"))


def _within(value: Any, plain: Any) -> Any:
    if isinstance(value, BaseModel):
        return identity(value)
    if isinstance(value, (list, tuple)):
        return [_within(v, p) for v, p in zip(value, plain, strict=True)]
    return plain
