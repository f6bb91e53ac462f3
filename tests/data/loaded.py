"""Pictures of references, as an experiment loads them."""

from __future__ import annotations

from gi_core import data
from gi_core.settings import Experiment


def loaded(*samples: object, **values) -> data.Pictures:
    return data.load(Experiment(samples=tuple(map(str, samples)), **values))
