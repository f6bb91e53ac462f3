"""The command line that asks the same again."""

from __future__ import annotations

import json
import shlex

from gi_core.settings import Experiment
from gi_core.settings.client import Fresh, FromFile
from gi_core.settings.custom import CustomNet
from gi_core.settings.networks import Model
from gi_core.settings.recorded_round import Recorded


def model(settings: Model) -> str:
    """A network for a command line; a drawn one is saved as a file first."""
    return "custom:network.json" if isinstance(settings, CustomNet) else settings.name


def command(experiment: Experiment) -> str:
    """The same experiment for a terminal."""
    if experiment.recorded is not None:
        return _invert(experiment, experiment.recorded)
    words = ["python", "-m", "gi_core", "attack"]
    for ref in experiment.samples:
        words += ["--sample", ref]
    words += ["--model", model(experiment.model), "--attack", experiment.attack.name]
    if experiment.client.name != "fedsgd":
        words += ["--client", experiment.client.name]
    if experiment.server.changes:
        words += ["--server", experiment.server.name]
    for defense in experiment.defenses:
        words += ["--defense", defense.name]
    words += _weights(experiment)
    for flag in ("size", "seed"):
        value = getattr(experiment, flag)
        if value not in (None, Experiment.model_fields[flag].default):
            words += [f"--{flag}", str(value)]
    for label in experiment.labels or ():
        words += ["--label", str(label)]
    if experiment.normalise != "none":
        words += ["--normalise", experiment.normalise]
    if experiment.device != "auto":
        words += ["--device", experiment.device]
    for flag in ("channels", "seconds"):
        if getattr(experiment, flag) is not None:
            words += ["--set", f"{flag}={getattr(experiment, flag):g}"]
    return shlex.join(words)


def _invert(experiment: Experiment, files: Recorded) -> str:
    """The command line for a recorded update; its client is named with what that command would otherwise take for granted."""
    client = experiment.client
    usual = [f"{n}={getattr(client, n)}" for n in ("batch_norm", "statistics") if f"{n}=" not in client.name]
    said = {
        "checkpoint": files.checkpoint, "update": files.update, "bn-stats": files.statistics, "reference": files.reference,
        "image-size": experiment.size, "channels": experiment.channels, "images": files.images if files.images > 1 else None,
        "client": client.name + ("," if ":" in client.name else ":") * bool(usual) + ",".join(usual),
        "server": experiment.server.name if experiment.server.changes else None,
        "attack": experiment.attack.name, "model": model(experiment.model),
    }  # fmt: skip
    words = ["python", "-m", "gi_core", "invert"]
    for flag, value in said.items():
        words += [f"--{flag}", str(value)] if value is not None else []
    for label in experiment.labels or ():
        words += ["--label", str(label)]
    for flag in ("normalise", "seed", "device"):
        value = getattr(experiment, flag)
        words += [f"--{flag}", str(value)] if value != Experiment.model_fields[flag].default else []
    words += ["--set", f"seconds={experiment.seconds:g}"] if experiment.seconds is not None else []
    return shlex.join(words)


def _weights(experiment: Experiment) -> list[str]:
    weights = experiment.weights
    if isinstance(weights, Fresh):
        return []
    if isinstance(weights, FromFile):
        return ["--weights", weights.path]
    words = ["--weights", weights.kind]
    for name, field in type(weights).model_fields.items():
        value = getattr(weights, name)
        if name != "kind" and value != field.default:
            words += ["--set", f"weights.{name}={value}"]
    return words


def network_file(network: CustomNet) -> str:
    """JSON as `custom:FILE.json` reads it: layers, logits, bias."""
    document = network.model_dump(mode="json")
    return json.dumps({name: document[name] for name in ("layers", "logits", "bias")}, indent=1)
