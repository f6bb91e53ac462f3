"""What reading one call of a forward pass says, or why the call cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from gi_core.settings.graph import Op


class Untraced(Exception):
    """The call is no layer of a graph; its text completes "tracing stops at ...: "."""


@dataclass(frozen=True)
class Read:
    """op: the layer; None where the value passes unchanged. owner: path of the module whose weights it has."""

    op: Op | None = None
    owner: str | None = None


SAME = Read()


class Owners:
    """Whose weight a tensor is: paths of the modules that hold it."""

    def __init__(self, model: nn.Module):
        self.model = model
        self.names: dict[int, list[str]] = {}
        for path, module in model.named_modules():  # each once, though it may stand at two places
            # buffers too: `prepared` makes them of parameters that do not train
            for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
                self.names.setdefault(id(tensor), []).append(f"{path}.{name}".lstrip("."))

    def of(self, weight: object, bias: object) -> str:
        """Path of the module whose `weight` and `bias` these are. Raises Untraced."""
        names = self.names.get(id(weight), [])
        if not names:
            raise Untraced(
                "its weight is worked out in the forward pass, as weight norm does: only a layer's own weight is traced"
            )
        if len(names) > 1:
            raise Untraced(f"its weight is shared between {names[0]} and {names[1]}, so the update has a sum of both")
        owner, _, leaf = names[0].rpartition(".")
        if leaf != "weight":
            raise Untraced(
                f"its weight is the parameter {names[0]}: use a layer such as nn.Linear, which calls it weight"
            )
        if not owner:
            raise Untraced("the network is this layer alone: put it into nn.Sequential")
        if getattr(self.model.get_submodule(owner), "bias", None) is not bias:
            raise Untraced(f"its bias is not that of layer {owner}: use the layer itself in place of its weight")
        return owner


def one(value: Any, what: str) -> int:
    """One number of a pair of equal ones. Raises Untraced."""
    values = set(value) if isinstance(value, (tuple, list)) else {value}
    if len(values) != 1:
        raise Untraced(f"its {what} {'x'.join(map(str, value))} differs between height and width")
    return int(values.pop())
