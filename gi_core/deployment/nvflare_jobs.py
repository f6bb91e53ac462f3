"""Jobs of NVFlare: config_fed_client.json, config_fed_server.json and meta.json.

Keys are those of NVFlare's documentation (programming guide, "application", "filters" and "component configuration", 2.3 to 2.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gi_core.deployment import job_keys
from gi_core.deployment.lines import Leaf, Line, leaves, named

MARKS = ("executors", "workflows", "deploy_map", "task_result_filters", "task_data_filters")
_VARIABLE = re.compile(r"\{(\w{1,60})\}")
_CLIENTS = ("min-clients", "num-clients")
_KINDS = {
    "WEIGHTS": "Weights are sent; whether statistics of batch norm are among them is in the client's program.",
    "WEIGHT_DIFF": "Differences of weights are sent; whether statistics of batch norm are among them is in the client's program.",
}


def mine(document: Mapping[str, Any]) -> bool:
    """Whether it is a file of an NVFlare job."""
    return any(mark in document for mark in MARKS)


def lines(file: str, document: Mapping[str, Any]) -> Iterator[Line]:
    """What its keys say."""
    client = "executors" in document
    for leaf in leaves(file, document):
        leaf = _resolved(leaf, document)
        found = _filter(leaf, client) if "_filters[" in leaf.path else _own(leaf) or job_keys.line(leaf)
        if found is not None:
            yield found


def _resolved(leaf: Leaf, document: Mapping[str, Any]) -> Leaf:
    """A value `{NAME}` stands for what the file says of NAME at its top."""
    name = _VARIABLE.fullmatch(leaf.value) if isinstance(leaf.value, str) else None
    value = document.get(name[1]) if name else None
    return Leaf(leaf.file, leaf.path, leaf.key, value) if isinstance(value, (str, int, float)) else leaf


def _own(leaf: Leaf) -> Line | None:
    if leaf.key in _CLIENTS and leaf.number:
        return leaf.says(f"A round waits for {leaf.number:.0f} clients.", clients=int(leaf.number))
    if leaf.key == "expected-data-kind" and isinstance(leaf.value, str) and leaf.value in _KINDS:
        return leaf.says(_KINDS[leaf.value], "shared", "all")
    return None


def _filter(leaf: Leaf, client: bool) -> Line | None:
    """What a filter does to the update; its arguments say no more here."""
    if leaf.key not in ("name", "path") or ".args" in leaf.path or not isinstance(leaf.value, str):
        return None
    if not leaf.path.startswith("task_result_filters"):
        return leaf.says("It acts on what the server sends, not on the update.")
    if not client:
        return leaf.says("It acts on the server, which has the update by then.")
    match named(leaf.value):
        case "hemodelencryptor":
            return leaf.says("The server adds encrypted updates and reads none of them.", "together", summed=True)
        case "percentileprivacy":
            return leaf.says("Only the largest changes are sent, and cut.", "protection", "pruning")
        case "svtprivacy":
            text = "Noise is added to some of the changes. Its epsilon is no DP-SGD's: taken as a little noise."
            return leaf.says(text, "protection", "noise")
        case "excludevars":
            return leaf.says("Some layers are left out; which remain depends on the network.", "shared")
        case _:
            return leaf.says("What this filter does is not known here.", "protection")
