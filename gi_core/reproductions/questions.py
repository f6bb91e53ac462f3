"""A claim's setting as a sweep: one experiment for each picture, then the standing controls of the first few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gi_core.reproductions.claims import Budget, Setting
from gi_core.reproductions.pictures import Chosen, chosen, trained_on
from gi_core.settings import Experiment
from gi_core.settings.controls import CONTROLS, has_prior
from gi_core.settings.sweep import Sweep

CLASSES = 10
"""Of a network that does not name them, where its pictures are stand-ins."""
NETWORK_SEED = 1000
"""Added to a picture's number to draw its network, so that no network shares the seed of the attack's starts."""


def asked(
    setting: Setting, budget: Budget, given: Mapping[str, str] | None = None, count: int | None = None
) -> tuple[Sweep, Chosen]:
    """The sweep of a setting and the pictures it is asked of. count: pictures in place of the budget's.

    Raises SpecError as `pictures.chosen` does.
    """
    base, amount = setting.experiment(budget), setting.amount(budget)
    named = getattr(base.model, "classes", None)
    classes = 2 if base.model.one_logit else named or CLASSES
    found = chosen(setting.pictures, count or amount.pictures, classes, given)
    experiments: list[dict[str, Any]] = []
    for i, ref in enumerate(found.refs):
        one: dict[str, Any] = {"samples": [ref], "seed": i}
        if setting.network == "each":
            one["model.seed"] = NETWORK_SEED + i
        if found.labels is not None:
            one["labels"] = [found.labels[i]]
            if not base.model.one_logit and named is None:
                one["model.classes"] = classes
        experiments.append(one)
    experiments += [one | change for change in _beside(base) for one in experiments[: setting.controls]]
    name = f"{setting.title} ({found.title})"
    sweep = Sweep(
        name=name[:120], question=setting.title, base=base, experiments=tuple(experiments),
        utility=setting.training(trained_on(setting.pictures, given)),
    )  # fmt: skip
    return sweep, found


def _beside(base: Experiment) -> list[dict[str, Any]]:
    """What stands beside a setting: its controls, and of a defended one the same without defenses."""
    controls = [kind for kind in CONTROLS if kind != "prior" or has_prior(base.attack)]
    return [{"control": kind} for kind in controls] + ([{"defenses": []}] if base.defenses else [])
