"""Settings classes as data: title, description, paper, and every field with bounds and default."""

from __future__ import annotations

from typing import Any

from gi_core.settings import Component
from gi_core.settings.base import is_basic
from gi_core.settings.defense_base import DefenseSettings


def component(cls: type[Component]) -> dict[str, Any]:
    """JSON-ready description of a kind."""
    return {
        "kind": cls.model_fields["kind"].default,
        "title": cls.title,
        "description": cls.description,
        "paper": cls.paper,
        "link": cls.link,
        "needs": sorted(cls.needs),
        **(
            {"guarantee": cls.guarantee, "changes": cls.changes, "hook": cls.hook}
            if issubclass(cls, DefenseSettings)
            else {}
        ),
        "presets": cls.presets,
        "fields": fields(cls),
    }


def fields(cls: type[Component]) -> list[dict[str, Any]]:
    """{name, title, help, type, default, choices, minimum, above, maximum, below, basic} each;
    `above` and `below` are bounds that are not themselves allowed; what does not apply is None."""
    schema = cls.model_json_schema()["properties"]
    defaults = cls().model_dump(mode="json")
    found = []
    for name, info in cls.model_fields.items():
        if name == "kind":
            continue
        parts = schema[name].get("anyOf") or [schema[name]]
        kinds = [p.get("type", "string") for p in parts]
        merged = {k: v for p in parts for k, v in p.items()}
        found.append(
            {
                "name": name,
                "title": info.title or name,
                "help": info.description or "",
                "type": " or ".join("nothing" if k == "null" else k for k in dict.fromkeys(kinds)),
                "default": defaults[name],
                "choices": merged.get("enum"),
                "minimum": merged.get("minimum"),
                "above": merged.get("exclusiveMinimum"),
                "maximum": merged.get("maximum"),
                "below": merged.get("exclusiveMaximum"),
                "basic": is_basic(info),
            }
        )
    return found


def allowed(field: dict[str, Any]) -> str:
    """The values of a field in words: `1 to 64`, `above 0, at most 10`, `a, b or c`."""
    if field["choices"]:
        words = [str(c) for c in field["choices"]]
        return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
    low, high, above, below = (field[k] for k in ("minimum", "maximum", "above", "below"))
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" if high < 2**31 - 1 else f"from {low:g}"
    words = [
        f"{word} {bound:g}"
        for word, bound in (("from", low), ("above", above), ("at most", high), ("below", below))
        if bound is not None
    ]
    return ", ".join(words) or ("true or false" if field["type"] == "boolean" else "")
