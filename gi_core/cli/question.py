"""Arguments of `attack` to an Experiment."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gi_core.cli import files
from gi_core.common.paths import user_path
from gi_core.settings import Experiment, SpecError, build, parse_component, read_experiment, with_setting
from gi_core.settings.client import Fresh, FromFile, Pretrained, Trained
from gi_core.settings.experiment import MOST_BYTES, newcomer
from gi_core.settings.graph import Shape
from gi_core.settings.library_network import is_library
from gi_core.settings.network_base import Model
from gi_core.settings.own_network import OwnNetwork, is_source
from gi_core.settings.parse import MOST_NETWORK, read_library, read_network, with_values
from gi_core.settings.registry import MODELS, suggestion
from gi_core.settings.sizes import parsed, sides

_WORDS = ("fresh", "trained", "imagenet")


def experiment(arguments: argparse.Namespace, base: Experiment | None = None) -> Experiment:
    """The file's experiment, that of `base` or a newcomer's, changed by every option. Raises SpecError."""
    base = read(user_path(arguments.experiment)) if arguments.experiment else base or newcomer()
    values: dict[str, Any] = base.model_dump(mode="json")
    if arguments.sample:
        values |= {"samples": arguments.sample, "labels": None}
    if arguments.label:
        values["labels"] = arguments.label
    for name in ("size", "normalise", "seed", "device"):
        if getattr(arguments, name) is not None:
            values[name] = getattr(arguments, name)
    if arguments.model is not None:
        model = network(arguments.model, size=values["size"])
        values["model"] = model.model_dump(mode="json")
        if isinstance(model, OwnNetwork):
            values |= fitting(model, values)
    for family in ("client", "server", "attack"):
        if (text := getattr(arguments, family, None)) is not None:
            values[family] = parse_component(family, text).model_dump(mode="json")
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


def fitting(model: OwnNetwork, values: dict[str, Any]) -> dict[str, Any]:
    """Size and channels of the pictures that a network of one's own takes, where nobody asked for others."""
    height_width = (
        list(model.input[1:]) if model.input is not None and values.get("size") is None else values.get("size")
    )
    return {
        "size": height_width,
        "channels": values.get("channels") or (model.channels if model.channels in (1, 3) else None),
    }


def network(text: str, size: Any = None, input_shape: Shape | None = None) -> Model:
    """`NAME[:k=v,...]`; `custom:FILE.json` with the layers of a drawn network; or a network of one's own, which is loaded
    here, as whoever types its name may run its code. size, input_shape: of its pictures, where known. Raises SpecError.
    """
    word, _, rest = text.partition(":")
    if is_library(text):
        return _of_library(text, size, input_shape)
    if word.strip() not in MODELS and is_source(text):
        from gi_core.networks import own  # torch loads here

        return own.named(text, input_shape, sides(parsed(size)) if size is not None else None)
    if word.strip() != "custom" or not rest or ("=" in rest and not rest.endswith(".json")):
        model = parse_component("model", text)
        assert isinstance(model, Model)
        return model
    path = user_path(rest)
    if not path.is_file():
        raise SpecError(f"there is no network file {rest!r}: give a .json file with layers, or settings as name=value")
    return read_network(files.content(path, f"the network {rest!r}", MOST_NETWORK))


def _of_library(text: str, size: Any, input_shape: Shape | None) -> Model:
    """`torchvision:NAME[:k=v,...]` or `timm:NAME[:k=v,...]`."""
    from gi_core.networks import own  # torch loads here

    return own.of_library(read_library(text), input_shape, sides(parsed(size)) if size is not None else None)


def read(path: Path) -> Experiment:
    """The experiment of a file. Raises SpecError."""
    return read_experiment(files.content(path, f"the experiment {str(path)!r}", MOST_BYTES))
