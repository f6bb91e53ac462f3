"""`invert`: an update that was recorded elsewhere, from its files, through the same run as `attack`."""

from __future__ import annotations

import argparse
from typing import Any

from gi_core.cli import question
from gi_core.cli.attack import perform
from gi_core.common.paths import user_path
from gi_core.data.views import split
from gi_core.settings import ATTACKS, Experiment, SpecError, build, parse_component, with_setting
from gi_core.settings.bounds import MAX_BATCH
from gi_core.settings.fl_attacks import FlGradientInversion
from gi_core.settings.network_base import Model
from gi_core.settings.own_network import OwnNetwork

ATTACK = "auto"
TRAINING = {"batch_norm": "train", "statistics": "shared"}
"""What a real client does whose network has batch norm, and what its update shows."""


def invert(arguments: argparse.Namespace) -> int:
    """Run it; the exit code. Raises SpecError for what cannot be run."""
    return perform(experiment(arguments), arguments)


def experiment(arguments: argparse.Namespace) -> Experiment:
    """The files and options as an Experiment. Raises SpecError."""
    model = question.network(arguments.model, arguments.image_size)
    images = 1 if arguments.images is None else arguments.images
    if not 1 <= images <= MAX_BATCH:
        raise SpecError(f"--images is a number from 1 to {MAX_BATCH}, not {images}")
    values: dict[str, Any] = {
        "samples": ("bundled/faces:0",) * images,  # they only count the pictures
        "recorded": {
            "checkpoint": _file(arguments.checkpoint, "--checkpoint"),
            "update": _file(arguments.update, "--update"),
            "statistics": _file(arguments.bn_stats, "--bn-stats"),
            "reference": _picture(arguments.reference),
            "images": images,
            "sent": arguments.sent or (), "withheld": arguments.withheld or (),
        },
        "defenses": [parse_component("defense", text).model_dump(mode="json") for text in arguments.defense or ()],
        "size": arguments.image_size, "channels": arguments.channels, "labels": arguments.label,
        "server": parse_component("server", getattr(arguments, "server", None) or "honest").model_dump(mode="json"),
        "model": model.model_dump(mode="json"), "client": _client(arguments.client, model),
        "attack": _attack(arguments.attack, arguments.prior, bool(arguments.defense)),
    }  # fmt: skip
    if isinstance(model, OwnNetwork):
        values |= question.fitting(model, values)
    values |= {k: v for k in ("normalise", "seed", "device") if (v := getattr(arguments, k)) is not None}
    asked = build(values)
    for assignment in arguments.set or ():
        asked = with_setting(asked, assignment)
    return asked


def _client(text: str | None, model: Model) -> dict[str, Any]:
    """The client's settings: those that the text names, over what a real client does."""
    chosen = parse_component("client", text or "fedavg")
    named = chosen.model_dump(mode="json", include=chosen.model_fields_set)
    usual = TRAINING if model.has_batch_norm and named.get("batch_norm") != "eval" else {}
    return {**chosen.model_dump(mode="json"), **usual, **named}


def _attack(text: str | None, prior: str | None, defended: bool = False) -> dict[str, Any]:
    """The attack's settings. defended: whether defenses were named; the attack then knows them unless the text says otherwise.

    FL gradient inversion starts from residual recovery, unless the text or its preset says otherwise.
    """
    chosen = parse_component("attack", text or ATTACK)
    values = chosen.model_dump(mode="json")
    if defended and "adaptive" not in chosen.model_fields_set:
        values["adaptive"] = True
    if isinstance(chosen, FlGradientInversion) and "residual_first" not in chosen.model_fields_set:
        values["residual_first"] = True
    if prior is not None:
        if "prior" not in type(chosen).model_fields:
            able = " or ".join(kind for kind, cls in ATTACKS.items() if "prior" in cls.model_fields)
            raise SpecError(f"--prior: {chosen.title} starts from no prior picture: choose --attack {able}")
        values["prior"] = _picture(prior)
    return values


def _file(name: str | None, option: str) -> str | None:
    """The file's path in full, so that whoever runs the experiment finds it."""
    if name is None or name.startswith("upload:"):
        return name
    path = user_path(name)
    if not path.is_file():
        raise SpecError(f"{option}: there is no file {name!r}")
    return str(path.resolve())


def _picture(ref: str | None) -> str | None:
    """The picture's path in full; the view (`#crop`, `#window`) stays behind it."""
    if ref is None or user_path(ref).is_file():
        return ref if ref is None else str(user_path(ref).resolve())
    name, view = split(ref)
    return f"{user_path(name).resolve()}{view}" if user_path(name).is_file() else ref
