"""Arguments of `attack` to an Experiment."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gi_core.cli import files
from gi_core.common.paths import user_path
from gi_core.settings import Experiment, SpecError, build, parse_component, read_experiment, with_setting
from gi_core.settings.client import Fresh, FromFile, Pretrained, Trained
from gi_core.settings.experiment import MOST_BYTES
from gi_core.settings.network_base import Model
from gi_core.settings.parse import MOST_NETWORK, read_network, with_values
from gi_core.settings.registry import suggestion

_WORDS = ("fresh", "trained", "imagenet")


def experiment(arguments: argparse.Namespace, base: Experiment | None = None) -> Experiment:
    """The file's experiment, that of `base` or the default, changed by every option. Raises SpecError."""
    base = read(user_path(arguments.experiment)) if arguments.experiment else base or Experiment()
    values: dict[str, Any] = base.model_dump(mode="json")
    if arguments.sample:
        values |= {"samples": arguments.sample, "labels": None}
    if arguments.label:
        values["labels"] = arguments.label
    for name in ("size", "normalise", "seed", "device"):
        if getattr(arguments, name) is not None:
            values[name] = getattr(arguments, name)
    if arguments.model is not None:
        values["model"] = network(arguments.model).model_dump(mode="json")
    for family in ("client", "attack"):
        if getattr(arguments, family) is not None:
            values[family] = parse_component(family, getattr(arguments, family)).model_dump(mode="json")
    if arguments.defense:
        chosen = [parse_component("defense", text) for text in arguments.defense]
        values["defenses"] = [defense.model_dump(mode="json") for defense in chosen]
    if arguments.weights is not None:
        values["weights"] = weights(arguments.weights).model_dump(mode="json")
    asked = build(values)
    for assignment in arguments.set or ():
        asked = with_setting(asked, assignment)
    return asked


def weights(text: str) -> Fresh | FromFile | Trained | Pretrained:
    """`FILE | trained[:k=v,...] | imagenet | fresh`. Raises SpecError."""
    word, _, rest = text.partition(":")
    if word == "trained":
        return with_values(Trained, "weights trained", rest)
    if text == "imagenet":
        return Pretrained()
    if text == "fresh":
        return Fresh()
    if text.startswith("upload:"):
        return FromFile(path=text)
    path = user_path(text)
    if not path.is_file():
        near = suggestion(word, _WORDS)
        hint = near if near.startswith("did") else "give a .safetensors or .pt file, trained or imagenet"
        raise SpecError(f"there is no weights file {text!r}: {hint}")
    return FromFile(path=str(path.resolve()))


def network(text: str) -> Model:
    """`NAME[:k=v,...]`, or `custom:FILE.json` with the layers of a drawn network. Raises SpecError."""
    word, _, rest = text.partition(":")
    if word.strip() != "custom" or not rest or ("=" in rest and not rest.endswith(".json")):
        model = parse_component("model", text)
        assert isinstance(model, Model)
        return model
    path = user_path(rest)
    if not path.is_file():
        raise SpecError(f"there is no network file {rest!r}: give a .json file with layers, or settings as name=value")
    return read_network(files.content(path, f"the network {rest!r}", MOST_NETWORK))


def read(path: Path) -> Experiment:
    """The experiment of a file. Raises SpecError."""
    return read_experiment(files.content(path, f"the experiment {str(path)!r}", MOST_BYTES))
