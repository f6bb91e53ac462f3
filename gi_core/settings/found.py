"""The parts of an experiment that its package has: a new one is a module, and nothing else needs to name it."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

from gi_core.settings.base import Component


def found(of: type[Component], ending: str, first: tuple[str, ...]) -> tuple[type[Component], ...]:
    """The kinds of the family `of` that the modules `*ending` of this package define: modules in the order `first`, then
    by name; within a module as they are written.
    """
    package = __name__.rpartition(".")[0]
    names = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name.endswith(ending)]
    kinds: list[type[Component]] = []
    for name in sorted(names, key=lambda n: (first.index(n) if n in first else len(first), n)):
        module = import_module(f"{package}.{name}")
        here = (v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__)
        kinds += [cls for cls in here if issubclass(cls, of) and "kind" in cls.model_fields]
    return tuple(kinds)
