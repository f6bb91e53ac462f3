"""Lessons for a class: TOML files in `ready/`, and what a person needs to read, judge and print one. No torch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gi_core.lessons.lesson import Lesson, read_lesson
from gi_core.settings import SpecError
from gi_core.settings.registry import suggestion

_FOLDER = Path(__file__).with_name("ready")


@lru_cache(maxsize=1)
def _read() -> dict[str, Lesson]:
    return {path.stem[3:]: read_lesson(path.read_bytes()) for path in sorted(_FOLDER.glob("*.toml"))}


def ready() -> dict[str, Lesson]:
    """Name -> lesson, in the order of teaching: a file is named after its place. Raises SpecError where one is no lesson."""
    return dict(_read())


def ready_path(name: str) -> Path:
    """The TOML file of a ready lesson. Raises SpecError that names the nearest."""
    found = next((path for path in _FOLDER.glob("*.toml") if path.stem[3:] == name), None)
    if found is None:
        raise SpecError(f"there is no lesson {name!r}: {suggestion(name, _read())}")
    return found


def ready_lesson(name: str) -> Lesson:
    """The ready lesson of that name. Raises SpecError that names the nearest."""
    ready_path(name)
    return _read()[name]
