"""`list attacks|models|samples|defenses|servers|sweeps`, generated from the settings classes and the catalogue."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from gi_core.cli.fields import allowed, component
from gi_core.settings import ATTACKS, DEFENSES, MODELS, SERVERS, Component
from gi_core.settings.library_network import LIBRARIES

_OTHERS = """Also: torchvision:NAME and timm:NAME (python -m gi_core list torchvision, list timm), and your own:
package.module:callable, or a .pt2 file of torch.export (docs/own_network.md)."""
FAMILIES: dict[str, Mapping[str, type[Component]]] = {
    "attacks": ATTACKS, "models": MODELS, "defenses": DEFENSES, "servers": SERVERS,
}  # fmt: skip


def list(arguments: argparse.Namespace) -> int:  # noqa: A001 - named after its command
    """Print one family; with --json one line, an array of objects."""
    if arguments.what == "samples":
        return _samples(arguments.json)
    if arguments.what == "sweeps":
        return _sweeps(arguments.json)
    if arguments.what in LIBRARIES:
        return _library(arguments.what, arguments.json)
    described = [component(cls) for cls in FAMILIES[arguments.what].values()]
    if arguments.json:
        print(json.dumps(described))
        return 0
    print("\n\n".join(_text(one) for one in described))
    if arguments.what == "models":
        print(f"\n{_OTHERS}")
    return 0


def _library(library: str, as_json: bool) -> int:
    """The networks of a library, by name."""
    from gi_core.networks.library import names

    found = names(library)
    print(json.dumps(found) if as_json else "\n".join(_wrap(", ".join(f"{library}:{name}" for name in found), 0)))
    return 0


def _text(one: dict[str, Any]) -> str:
    lines = [f"{one['kind']}  ({one['title']})", *_wrap(one["description"], 2)]
    if one["paper"]:
        lines += _wrap(one["paper"], 2)
    if one.get("guarantee"):
        lines += _wrap(f"Changes: {one['changes']}. Guarantee: {one['guarantee']}.", 2)
    for field in one["fields"]:
        values = allowed(field)
        head = f"{field['name']}={_value(field['default'])}"
        lines += _wrap(f"{head}  {field['help']}" + (f" [{values}]" if values else ""), 4)
    for name, values in one["presets"].items():
        lines += _wrap(f"preset={name}  " + ", ".join(f"{k}={_value(v)}" for k, v in values.items()), 4)
    return "\n".join(lines)


def _wrap(text: str, indent: int) -> Sequence[str]:
    width = max(50, min(110, shutil.get_terminal_size().columns))
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))


def _value(value: Any) -> str:
    if isinstance(value, (tuple, type([]))):
        return f"({len(value)} rows)"
    return value if isinstance(value, str) else json.dumps(value)


def _samples(as_json: bool) -> int:
    from gi_core.data import catalogue

    found = catalogue()
    if as_json:
        print(json.dumps([asdict(s) for s in found]))
        return 0
    for group, samples in groupby(found, key=lambda s: s.group):
        print(group)
        for s in samples:
            note = "" if s.available else f"  ({s.missing})"
            print(f"  {s.ref:24} {s.title}{note}")
    print("\nAlso: folder:PATH:KEY (class sub-folders) and the path of any picture file.")
    return 0


def _sweeps(as_json: bool) -> int:
    """The ready sweeps, as data."""
    from gi_core.experiments.sweeps import ready

    found: Sequence[dict[str, Any]] = [
        {"name": name, "title": one.name, "question": one.question, "experiments": one.size}
        for name, one in ready().items()
    ]
    if as_json:
        print(json.dumps(found))
        return 0
    for one in found:
        print("\n".join([f"{one['name']}  ({one['experiments']} experiments)", *_wrap(one["question"], 2)]))
    print("\nRun one: python -m gi_core sweep NAME, or your own: python -m gi_core sweep FILE.toml")
    return 0
