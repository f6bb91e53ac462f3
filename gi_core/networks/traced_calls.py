"""One call of torch in a forward pass, added to the graph as a layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from gi_core.networks.trace_words import first, tensors
from gi_core.networks.traced_ops import RESHAPES, flat, reader
from gi_core.networks.traced_reading import Read, Untraced
from gi_core.networks.traced_values import Values
from gi_core.settings.graph import Add, Concat, Flatten, GlobalAverage, Opaque, Shape

ADDS = {"add", "__add__", "__radd__", "__iadd__"}
JOINS = {"cat", "concat", "concatenate"}
UNKNOWN = "it is not one of the layers that an analysis knows"


class Calls(Values):
    """Adds layers to `builder`."""

    def __init__(self, model: nn.Module, input_shape: Shape):
        super().__init__(model, input_shape)
        self.counted: set[int] = set()  # weights that a layer has
        self.joined: dict[tuple[str, ...], str] = {}

    def layer(self, func: Any, name: str, args: Any, kwargs: Any, given: list[Tensor], made: Tensor) -> str:
        """The name of the layer that gives `made`. Raises Untraced, SpecError."""
        bare = name if name.startswith("__") else name.rstrip("_")
        if kwargs.get("out") is not None:
            raise Untraced("out= writes into a tensor: use what it returns")
        if bare in ADDS:
            return self._sum(args, kwargs, given, made)
        if bare in JOINS:
            return self._join(args, kwargs, given, made)
        if bare == "log_softmax":
            return self._closing(args, kwargs, given, made)
        if bare in RESHAPES:
            return self._reshaped(given[0], made)
        read = reader(getattr(func, "__module__", None), bare)
        if read is None or len(given) > 1 or given[0] is not first(args, kwargs):
            raise Untraced(UNKNOWN)
        found = read(self.owners, *args, **kwargs)
        source = self.source(given[0])
        if found.op is None:
            if made.shape != given[0].shape:
                raise Untraced(UNKNOWN)
            return source
        return self._add(found, bare, (source,), made)

    def _add(self, found: Read, bare: str, sources: tuple[str, ...], made: Tensor) -> str:
        op, owner = found.op, found.owner
        assert op is not None
        shape = op.shape(*(self.builder.shapes[name] for name in sources))
        if shape != tuple(made.shape[1:]) and not (
            isinstance(op, GlobalAverage) and made.shape[1:].numel() == shape[0]
        ):
            raise Untraced(
                f"it gives {tuple(made.shape[1:])} of each picture, where a layer of this kind gives {shape}"
            )
        if owner is not None and owner in self.builder.shapes:
            self._twice(owner)
        name = self.unique(owner if owner is not None else self.place(bare))
        if owner is not None:
            self.counted |= {id(p) for p in self.model.get_submodule(owner).parameters(recurse=False)}
        return self.builder.add(name, op, *sources)

    def _twice(self, owner: str) -> None:
        """A layer that is used again: what the update has of it is a sum, so no use of it is a layer."""
        reason, layers = f"layer {owner!r} is used twice, so the update has the sum of both uses", self.builder.layers
        at = next(i for i, layer in enumerate(layers) if layer.name == owner)
        op = Opaque("a layer that is used twice", layers[at].shape, layers[at].parameters)
        layers[at] = replace(layers[at], op=op)
        self.stops[owner] = f"tracing stops at {owner}: {reason}"
        raise Untraced(reason)

    def _sum(self, args: Any, kwargs: Any, given: list[Tensor], made: Tensor) -> str:
        terms = [*args, *(kwargs[k] for k in ("input", "other") if k in kwargs)]
        if kwargs.get("alpha", 1) != 1 or len(terms) != 2:
            raise Untraced("only a plain sum of two values is traced")
        if len(given) == 1 and any(isinstance(t, (int, float)) and t == 0 for t in terms):
            return self.source(given[0])
        if len(given) != 2:
            raise Untraced("it adds something that is not worked out from the picture: use a layer's bias")
        sources = tuple(self.source(t) for t in given)
        return self._add(Read(Add()), "add", sources, made)

    def _join(self, args: Any, kwargs: Any, given: list[Tensor], made: Tensor) -> str:
        parts = list(first(args, kwargs, "tensors"))
        dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
        if len(given) != len(parts) or dim % made.dim() != 1:
            raise Untraced("only values of the same picture, joined along their channels, are traced")
        last = self.source(parts[0])
        whole: tuple[str, ...] = (last,)
        for part in parts[1:]:
            whole = (*whole, self.source(part))
            if whole not in self.joined:
                self.joined[whole] = self.builder.add(self.unique(self.place("cat")), Concat(), last, whole[-1])
            last = self.joined[whole]
        return last

    def _closing(self, args: Any, kwargs: Any, given: list[Tensor], made: Tensor) -> str:
        dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if made.dim() != 2 or dim is None or dim % 2 != 1:
            raise Untraced(UNKNOWN)
        source = self.source(given[0])
        name = self.builder.add(
            self.unique(self.place("log_softmax")), Opaque("log_softmax", tuple(made.shape[1:])), source
        )
        self.closed[name] = source
        self.stops[name] = (
            "tracing stops at log_softmax, which is traced as the last operation alone: return the logits"
        )
        return name

    def _reshaped(self, before: Tensor, after: Tensor) -> str:
        name, flattened = self.names[id(before)], flat(before, after)
        if not flattened:
            return self.source(before)
        if len(self.builder.shapes[name]) == 1:  # global pooling gives a vector already
            return name
        return self._add(Read(Flatten()), "flatten", (name,), after)

    def unknown(self, what: str, given: list[Tensor], arguments: Any, made: Tensor) -> str:
        """A layer of its own for a call that is none. Parameters among its arguments are counted once."""
        weights = [t for t in tensors(arguments) if isinstance(t, nn.Parameter) and id(t) not in self.counted]
        self.counted |= {id(t) for t in weights}
        op = Opaque(what, tuple(made.shape[1:]), sum(t.numel() for t in weights))
        sources = tuple(dict.fromkeys(self.names[id(t)] for t in given))
        return self.builder.add(self.unique(self.place(what.rpartition(".")[2])), op, *sources)
