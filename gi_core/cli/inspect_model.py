"""`inspect-model`: what a client can notice of a network before it trains on it."""

from __future__ import annotations

import argparse
import json

from gi_core.cli.question import network
from gi_core.cli.rank import CLASSES, parse_input, usual
from gi_core.common.paths import user_path
from gi_core.settings import SpecError

ASKS = 3
"""Exit code of a model that asks for pictures, as an audit's that withholds."""


def inspect_model(arguments: argparse.Namespace) -> int:
    """Print the sentence and each check; with --json one object. Raises SpecError."""
    asked = None if arguments.input is None else parse_input(arguments.input)
    files = [_file(arguments.file), None if arguments.before is None else _file(arguments.before)]
    settings = network(arguments.model, input_shape=asked)

    from gi_core.experiments.model_inspection import inspected  # torch loads here

    found = inspected(settings, asked or usual(settings), settings.classes or CLASSES, str(files[0]), files[1])
    if arguments.json:
        print(json.dumps(found, allow_nan=False))
    else:
        rows = [f"  {one['check']:10} {one['score']:8.3g}  {one['sentence']}" for one in found["noticed"]]
        print("\n".join([found["sentence"], "", "  check         score  (1 and more is noticed)", *rows]))
    return ASKS if found["suspicious"] else 0


def _file(name: str) -> str:
    path = user_path(name)
    if not path.is_file():
        raise SpecError(f"there is no file {name!r}: give the model that the client received, .pt or .safetensors")
    return str(path.resolve())
