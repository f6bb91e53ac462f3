"""Ready sweeps: open questions of the field as TOML files in `ready/`, each cheap enough to be run on the spot. No torch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gi_core.settings import SpecError
from gi_core.settings.registry import suggestion
from gi_core.settings.sweep import Sweep, read_sweep

_FOLDER = Path(__file__).with_name("ready")
MEASURED: dict[str, float] = {"batch_size": 90, "parameters": 120, "training": 120, "frontier": 120, "dishonest": 35}
"""Seconds on two idle cores, from the processor time that the runs took; of others nothing is told beforehand."""


@lru_cache(maxsize=1)
def _read() -> dict[str, Sweep]:
    return {path.stem: read_sweep(path.read_bytes(), toml=True) for path in sorted(_FOLDER.glob("*.toml"))}


def ready() -> dict[str, Sweep]:
    """File name without its ending -> sweep, in order of name. Raises SpecError where a file is no sweep."""
    return dict(_read())


def ready_path(name: str) -> Path:
    """The TOML file of a ready sweep. Raises SpecError that names the nearest."""
    if name not in _read():
        raise SpecError(f"there is no ready sweep {name!r}: {suggestion(name, _read())}")
    return _FOLDER / f"{name}.toml"


def ready_sweep(name: str) -> Sweep:
    """The ready sweep of that name. Raises SpecError that names the nearest."""
    ready_path(name)
    return _read()[name]
