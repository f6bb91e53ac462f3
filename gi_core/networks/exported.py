"""A network in a file of torch.export (`.pt2`), as a module with the layers that it was exported from.

Reading such a file resolves names of operations and evaluates expressions for sizes, and torch falls back to a pickle that runs
code. So the archive is looked at first: only operations of aten, plain tensors, and sizes that are sums and products pass.
"""

from __future__ import annotations

import io
import json
import logging
import operator
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from gi_core.common.errors import SpecError
from gi_core.common.vetting import vetted
from gi_core.common.zips import contents
from gi_core.networks.exported_layers import with_layers
from gi_core.networks.trace_words import first_line

MAX_BYTES = 2 * 2**30
MOST_TEXT = 64 * 2**20
"""Bytes of the description of the layers."""
_EXPRESSION = re.compile(
    r"(\s|[-+*/(),=]|\d++|'[suz]\d{1,6}'|[suz]\d{1,6}\b|"
    r"\b(Symbol|Integer|Add|Mul|Pow|Mod|FloorDiv|CleanDiv|Max|Min|positive|nonnegative|integer|True|False|nan|oo)\b)*+"
)
"""Sums and products of sizes, as torch writes them: `Mul(Integer(2), Symbol('s77', positive=True, integer=True))`."""
_TARGETS = ("torch.ops.aten.", "_operator.", "operator.")


def opened(path: Path) -> nn.Module:
    """The network of a `.pt2` file, in eval mode. Raises SpecError with one sentence."""
    name = f"the network {path.name}"
    members = contents(path, name)
    if not members:
        there = "is no file of torch.export" if path.is_file() else "is not there"
        raise SpecError(
            f"{name} {there}: write it with torch.export.save(torch.export.export(model.eval(), (picture,)), FILE)"
        )
    size = sum(member.file_size for member in members)
    if size > MAX_BYTES:
        raise SpecError(f"{name} is larger than {MAX_BYTES / 2**30:.0f} GB: give a smaller file")
    _inspect(path, name)
    vetted(path, name, lambda: _load(path), size)
    try:
        program = _load(path)
    except Exception as error:
        raise SpecError(f"{name} cannot be read by torch {torch.__version__}: {first_line(error)}") from None
    return _module(program, name)


def _load(path: Path) -> Any:
    before = logging.root.manager.disable
    try:
        logging.disable(logging.WARNING)  # torch remarks on each of its own fallbacks
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(path)
    finally:
        logging.disable(before)


def _inspect(path: Path, name: str) -> None:
    """Raises SpecError for an archive that holds more than tensors and operations of aten."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.partition("/")[2]: info for info in archive.infolist()}
            models = [key for key in members if key.startswith("models/")]
            if models != ["models/model.json"] or "data/sample_inputs/model.pt" not in members:
                raise SpecError(
                    f"{name} is not of torch.export.save of this torch: export it again with torch {torch.__version__}"
                )
            if any("aotinductor" in key for key in members):
                raise SpecError(f"{name} holds compiled code: give the file that torch.export.save writes")
            texts = [info for key, info in members.items() if key.endswith(".json")]
            if sum(info.file_size for info in texts) > MOST_TEXT:
                raise SpecError(f"{name} describes more layers than are read: at most {MOST_TEXT // 2**20} MB")
            for info in texts:
                _check(json.loads(archive.read(info)), name)
            inputs = archive.read(members["data/sample_inputs/model.pt"])
    except (zipfile.BadZipFile, json.JSONDecodeError, UnicodeDecodeError, RecursionError, OSError):
        raise SpecError(f"{name} is damaged: export it again") from None
    try:
        if inputs:
            torch.load(io.BytesIO(inputs), map_location="cpu", weights_only=True)
    except Exception:
        raise SpecError(f"{name} holds more than tensors as its example, and was refused without running it") from None


def _check(document: Any, name: str) -> None:
    for key, value in _entries(document):
        if key == "target" and not str(value).startswith(_TARGETS):
            raise SpecError(f"{name} calls {str(value)[:60]}: only operations of aten are read")
        if key == "use_pickle" and value:
            raise SpecError(f"{name} holds pickled objects, and was refused without running them: export plain tensors")
        if key == "expr_str" and not _EXPRESSION.fullmatch(str(value)):
            raise SpecError(
                f"{name} has sizes that are no sums and products, such as {str(value)[:60]!r}: export fixed sizes"
            )


def _entries(document: Any) -> Iterator[tuple[str, Any]]:
    """Every (key, value) of nested JSON."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _module(program: Any, name: str) -> nn.Module:
    try:
        network = program.module(check_guards=False)
    except Exception as error:
        raise SpecError(f"{name} cannot be run: {first_line(error)}") from None
    assert isinstance(network, fx.GraphModule)
    pictures = [node for node in network.graph.nodes if node.op == "placeholder"]
    if len(pictures) != 1:
        raise SpecError(f"{name} takes {len(pictures)} inputs: export a network that takes pictures alone")
    output = next(node for node in network.graph.nodes if node.op == "output").args[0]
    if isinstance(output, (tuple, list)) and len(output) != 1:
        raise SpecError(f"{name} returns {len(output)} values: export a network that returns logits alone")
    for node in network.graph.nodes:
        if node.op == "call_function" and node.target is not operator.getitem and _trains(node):
            raise SpecError(
                f"{name} was exported in training mode, so {node.name} draws or mixes: call model.eval() first"
            )
    return with_layers(network)


def _trains(node: fx.Node) -> bool:
    """Whether an operation has its training mode built in."""
    place = {"dropout": 2, "dropout_": 2, "feature_dropout": 2, "alpha_dropout": 2, "batch_norm": 5}.get(
        str(node.target).split(".")[1] if "." in str(node.target) else "", -1
    )
    return 0 <= place < len(node.args) and node.args[place] is True
