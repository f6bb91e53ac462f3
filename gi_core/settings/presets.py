"""Experiments worth seeing, by title; they are data in `gi_core/settings/presets.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gi_core.common.errors import SpecError
from gi_core.settings.experiment import Experiment, newcomer
from gi_core.settings.parse import build
from gi_core.settings.registry import suggestion

_FILE = Path(__file__).with_name("presets.json")


@dataclass(frozen=True)
class Preset:
    """title: on the button. sentence: what there is to see. group: the row it stands in."""

    title: str
    sentence: str
    experiment: Experiment
    group: str


FIRST_GROUP = "Worth seeing"


@lru_cache(maxsize=1)
def presets() -> tuple[Preset, ...]:
    """All of them, in order. Raises SpecError where one is not a valid experiment."""
    entries = json.loads(_FILE.read_text())
    return tuple(
        Preset(e["title"], e["sentence"], build(e["experiment"]), e.get("group", FIRST_GROUP)) for e in entries
    )


def first_visit() -> Experiment:
    """What a newcomer finds in the lab: the first example, attacked by the strongest that applies."""
    return presets()[0].experiment.model_copy(update={"attack": newcomer().attack})


def preset(title: str) -> Preset:
    """The one of that title. Raises SpecError that names the nearest."""
    known = {one.title: one for one in presets()}
    if title not in known:
        raise SpecError(f"there is no example {title!r}: {suggestion(title, known)}")
    return known[title]
