"""What is in the files of a recorded round, before anybody attacks it: no picture, no guess of one."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError

from gi_core import networks
from gi_core.common.memory_limit import memory_limit
from gi_core.jobs.rows import finite
from gi_core.settings import SpecError, sizes
from gi_core.settings.networks import AnyModel, Model
from gi_core.settings.recorded_round import Recorded
from gi_core.tensor_files.asides import extras, set_aside
from gi_core.tensor_files.naming import COUNTER, aligned
from gi_core.tensor_files.transformers import JOINED, adopt
from gi_core.tensor_files.weights import load_checkpoint, shapes
from gi_core.types.inspection import FileLayer, Inspection, Statistics
from gi_core.update_files.round import arrays, counted, read_update

SIZE = 32
LEARNING_RATE = "an update does not say the client's learning rate: it is part of what you set"
_LAST = re.compile(r"(^|\.)(fc|classifier|heads?|output|linear|logits)(\.\d+)?(\.head)?\.weight$")
_READ = ("checkpoint", "update", "statistics", "withheld", "sent", "contents")
_BUFFER = re.compile(r"running|" + COUNTER)


def answer(spec: dict[str, Any]) -> Inspection:
    """What the files hold. spec: {recorded: {update, checkpoint, statistics, withheld, sent, contents}, model, size,
    channels, client, sparse: whether a known defense clears values}. Raises SpecError for a file that cannot be read.
    """
    files = spec.get("recorded") or {}
    if not files.get("update"):
        raise SpecError("give the file of an update")
    with memory_limit():
        given, ordered, name = arrays(files["update"], finite=False)
        aside = extras({key: value.shape for key, value in given.items()})
        given = {key: value for key, value in given.items() if key not in aside} if len(aside) < len(given) else given
        found = _contents(given, ordered, _statistics(given, files.get("statistics")))
        found["notices"] += [set_aside(name, aside)] if aside else []
        if spec.get("model") and found["finite"]:
            _match(spec, files, found, given, ordered, name)
    if (spec.get("client") or {}).get("kind") != "fedsgd":
        found["notices"].append(LEARNING_RATE)
    checked: Inspection = finite(found)
    return checked


def _contents(given: dict[str, np.ndarray], ordered: bool, statistics: Statistics) -> Inspection:
    """What the update's file says by itself."""
    bad = [key for key, value in given.items() if not np.isfinite(value).all()]
    norms = {key: _norm(value) for key, value in given.items()}
    layers: list[FileLayer] = [
        {
            "name": key, "file_name": key, "shape": list(value.shape), "values": value.size, "norm": norms[key],
            "relative": None, "buffer": bool(_BUFFER.search(key)),
        }
        for key, value in given.items()
    ]  # fmt: skip
    own = [layer for layer in layers if not layer["buffer"]]
    return {
        "layers": layers, "parameters": sum(layer["values"] for layer in own),
        "norm": math.sqrt(sum(norms[layer["file_name"]] ** 2 for layer in own)), "finite": not bad, "not_finite": bad[:20],
        "classes": _classes(given, ordered), "channels": _channels(given), "steps": None if bad else counted(given),
        "learning_rate": None, "statistics": statistics, "scheme": None, "checkpoint_scheme": None, "problem": None,
        "notices": [],
    }  # fmt: skip


def _norm(value: np.ndarray) -> float:
    return float(np.linalg.norm(value.astype(np.float64)))


def _classes(given: dict[str, np.ndarray], ordered: bool) -> int | None:
    """Rows of the last dense layer: by its usual names, else the last one of a file that keeps the order."""
    dense = [key for key, value in given.items() if value.ndim == 2]
    named = [key for key in dense if _LAST.search(key)]
    best = named or (dense if ordered else sorted(dense, key=lambda key: -given[key].shape[0]))
    return int(given[best[-1]].shape[0]) if best else None


def _channels(given: dict[str, np.ndarray]) -> int | None:
    """Channels of the pictures: what the only convolution of one or three channels takes."""
    return next((int(v.shape[1]) for v in given.values() if v.ndim == 4 and v.shape[1] in (1, 3)), None)


def _statistics(given: dict[str, np.ndarray], reference: str | None) -> Statistics:
    """Running statistics after the round, from their own file or as changes in the update."""
    if reference:
        entries = [key for key in arrays(reference)[0] if "running" in key]
        return {"present": bool(entries), "from": "file" if entries else "none", "entries": len(entries)}
    entries = [key for key in given if "running" in key]
    return {"present": bool(entries), "from": "change" if entries else "none", "entries": len(entries)}


def _match(
    spec: dict[str, Any], files: dict[str, Any], found: Inspection, given: dict[str, np.ndarray], ordered: bool, name: str
) -> None:  # fmt: skip
    """Add what is known besides with the network: our names of the layers, and their change relative to the weights."""
    settings = _model(spec["model"])
    channels = spec.get("channels") or settings.channels_only or found["channels"] or 3
    shape = _sides(spec.get("size")) or (max(SIZE, settings.min_size),) * 2
    try:
        model = networks.build(settings, (channels, *shape), settings.classes or found["classes"] or 10)
        own = model.state_dict()
        buffers = set(own) - {key for key, _ in model.named_parameters()}
        layers = {layer["file_name"]: layer for layer in found["layers"]}
        if not files.get("checkpoint"):
            renamed = adopt(shapes(own), given)
            given = renamed.given(given) if renamed is not None else given
            names = aligned(shapes(own), {k: v.shape for k, v in given.items()}, name, buffers, ordered)
            if renamed is not None:
                names = renamed.names(names)
            found["scheme"], found["layers"] = names.scheme, _renamed(layers, names.given, buffers)
            return
        found["checkpoint_scheme"] = load_checkpoint(model, files["checkpoint"])
        recorded = Recorded(**{k: v for k, v in files.items() if k in _READ})
        sent_gradient = (spec.get("client") or {}).get("kind") == "fedsgd"
        kind: Literal["gradient", "weight_change"] = "gradient" if sent_gradient else "weight_change"
        update, info = read_update(model, recorded, kind, bool(spec.get("sparse")))
        found["scheme"], found["table"], found["cosine"] = info["scheme"], info["table"], info["cosine"]
        found["whole"], found["frozen"], found["steps"] = info["whole"], info["frozen"], info["steps"]
        found["layers"] = _renamed(layers, info["names"], buffers)
        for layer in found["layers"]:
            if layer["buffer"]:
                continue
            norm = layer["norm"] = _norm(
                update.tensors[layer["name"]].numpy()
            )  # of the change, where whole weights were sent
            before = _norm(model.state_dict()[layer["name"]].numpy())
            layer["relative"] = norm / before if before else None
        found["norm"] = update.norm()
        found["notices"] = list(dict.fromkeys([*found["notices"], *info["notices"]]))
    except SpecError as error:
        found["problem"] = str(error)


def _renamed(layers: dict[str, FileLayer], names: dict[str, str], buffers: set[str]) -> list[FileLayer]:
    """The layers by our names, in the network's order."""
    return [{**_one(layers, old), "name": key, "buffer": key in buffers} for key, old in names.items()]


def _one(layers: dict[str, FileLayer], names: str) -> FileLayer:
    """A layer of the file, or several that the network has as one."""
    parts = [layers[name] for name in names.split(JOINED)]
    if len(parts) == 1:
        return parts[0]
    shape = [sum(part["shape"][0] for part in parts), *parts[0]["shape"][1:]]
    norm = math.sqrt(sum((part["norm"] or 0.0) ** 2 for part in parts))
    values = sum(part["values"] for part in parts)
    return {**parts[0], "file_name": names, "shape": shape, "norm": norm, "values": values}


def _sides(size: Any) -> tuple[int, int] | None:
    try:
        return sizes.sides(sizes.parsed(size))
    except ValueError as error:
        raise SpecError(f"size: {error}") from None


def _model(values: dict[str, Any]) -> Model:
    try:
        return TypeAdapter(AnyModel).validate_python(values)
    except ValidationError:
        raise SpecError("the network's settings are not valid: choose it again") from None
