"""Apps of Flower: pyproject.toml with [tool.flwr].

Sections and keys are those of Flower's guide "Configure pyproject.toml" (1.20 to 1.27). Keys of an app are its author's; those read
here are the ones of Flower's templates, and arguments of SecAgg+, LocalDpMod, central DP (Flower) and of Opacus by their own names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gi_core.deployment import job_keys
from gi_core.deployment.lines import Leaf, Line, leaves

_SHARES = ("fraction-fit", "fraction-train")
_OPACUS = re.compile(r"opacus(\W|$)", re.IGNORECASE)


def mine(document: Mapping[str, Any]) -> bool:
    """Whether it is the file of a Flower app."""
    tool = document.get("tool")
    return isinstance(tool, Mapping) and isinstance(tool.get("flwr"), Mapping)


def lines(file: str, document: Mapping[str, Any]) -> Iterator[Line]:
    """What its keys say."""
    flower = document["tool"]["flwr"]
    app = flower.get("app")
    config = app.get("config") if isinstance(app, Mapping) else None
    keys = list(leaves(file, config, "tool.flwr.app.config")) if isinstance(config, Mapping) else []
    share = next((leaf.number for leaf in keys if leaf.key in _SHARES and leaf.number), 1.0)
    yield from _clients(file, flower.get("federations"), min(share, 1.0))
    for leaf in keys:
        if leaf.key == "num-shares" and leaf.number:
            yield leaf.says("SecAgg+ is set up: the server gets sums alone.", "together", summed=True)
        elif found := job_keys.line(leaf):
            yield found
    yield from _privacy({leaf.key: leaf for leaf in keys}, _dependencies(document))


def _clients(file: str, federations: Any, share: float) -> Iterator[Line]:
    """Clients of the federation that is used by default, or of the only one."""
    if not isinstance(federations, Mapping):
        return
    every = {name: one for name, one in federations.items() if isinstance(one, Mapping)}
    chosen = federations.get("default")
    name = chosen if isinstance(chosen, str) and chosen in every else next(iter(every)) if len(every) == 1 else None
    for leaf in leaves(file, every[name], f"tool.flwr.federations.{name}") if name is not None else ():
        if leaf.key == "num-supernodes" and leaf.number:
            count = max(1, int(share * leaf.number))
            part = "" if share == 1.0 else f", of which a round takes {count}"
            yield leaf.says(f"There are {leaf.number:.0f} clients{part}.", clients=count)


def _privacy(keys: Mapping[str, Leaf], opacus: bool) -> Iterator[Line]:
    """Who adds what noise, by the arguments of the three that are documented."""
    multiplier, target = keys.get("noise-multiplier"), keys.get("target-epsilon")
    local = keys.get("epsilon") if "sensitivity" in keys else None
    if target is not None and target.number:
        yield job_keys.private(
            target, target.number, "The client's optimiser bounds and hides each picture, over all rounds."
        )
    elif local is not None and local.number:
        yield job_keys.private(
            local, local.number, "The client adds noise before it sends (local differential privacy)."
        )
    elif multiplier is not None and multiplier.number:
        if "num-sampled-clients" in keys:
            yield multiplier.says(
                "The server adds this noise itself, and sees each update without.", "protection", "none"
            )
        elif opacus or "max-grad-norm" in keys:
            yield job_keys.multiplied(
                multiplier, multiplier.number, "The client's optimiser bounds and hides each picture."
            )
        else:
            yield multiplier.says("Whether client or server adds this noise is in the program.", "protection")


def _dependencies(document: Mapping[str, Any]) -> bool:
    """Whether the app needs Opacus."""
    project = document.get("project")
    needed = project.get("dependencies") if isinstance(project, Mapping) else None
    return isinstance(needed, list) and any(isinstance(one, str) and _OPACUS.match(one) for one in needed)
