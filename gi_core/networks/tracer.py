"""The mode that reads a network's forward pass, call by call, while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gi_core.common.errors import SpecError
from gi_core.networks.trace_words import first_line, line, plain, shown, tensors
from gi_core.networks.traced_calls import UNKNOWN, Calls
from gi_core.networks.traced_reading import Untraced
from gi_core.settings.graph import INPUT, Shape

DECISIONS = {
    "__bool__", "item", "tolist", "__float__", "__int__", "__index__", "numpy", "__array__", "equal", "allclose", "is_nonzero",
    "__contains__", "isclose", "_local_scalar_dense",
}  # fmt: skip
"""What hands values of a tensor to Python."""
CONSTANTS = {
    "new_zeros", "new_ones", "new_full", "new_empty", "new_tensor", "zeros_like", "ones_like", "full_like", "empty_like",
}  # fmt: skip
"""What takes the shape of a tensor alone."""


class Tracer(TorchFunctionMode):
    """Fills `calls.builder` while `run` is at work."""

    def __init__(self, model: nn.Module, input_shape: Shape):
        super().__init__()
        self.model, self.calls = model, Calls(model, input_shape)
        self.called: set[str] = set()

    def run(self, x: Tensor) -> Any:
        """The network's output for pictures x (N, C, H, W). Raises SpecError."""
        handles = [h for name, module in self.model.named_modules() if name for h in self._watched(name, module)]
        self.calls.keep(x, INPUT)
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]), self:
                return self.model(x)
        except SpecError:
            raise
        except Exception as error:
            size, reason = "x".join(map(str, x.shape[1:])), first_line(error)
            raise SpecError(f"this network does not take pictures of {size}: {reason}") from None
        finally:
            for handle in handles:
                handle.remove()

    def _watched(self, name: str, module: nn.Module) -> Iterator[Any]:
        yield module.register_forward_pre_hook(lambda *_: self.calls.path.append(name))
        yield module.register_forward_hook(lambda *_: self.calls.path.pop() and None, always_call=True)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [t for t in tensors((args, kwargs)) if id(t) in self.calls.names]
        name = plain(func)
        if given and name in DECISIONS:
            raise self._stopped(func, "the network decides by values of a tensor, so each picture has another graph")
        stale = next((t for t in given if t._version != self.calls.versions[id(t)]), None)
        if stale is not None and name != "__get__":
            raise self._stopped(
                func, "a value was changed in place through another name: use the operation not in place"
            )
        results = func(*args, **kwargs)
        made = list(tensors(results))
        if not given or name in CONSTANTS:
            return results
        self.called.add(name.strip("_"))
        if made:
            self._read(func, name, args, kwargs, given, made)
        elif name == "__setitem__":
            self._written(func, args, given)
        return results

    def _written(self, func: Any, args: Any, given: list[Tensor]) -> None:
        """Values are written into a tensor, which is another value from now on."""
        layer = self.calls.unknown(shown(func), given, (), args[0])
        said = self._stopped(func, "values are written into a tensor: join tensors with torch.cat")
        self.calls.stops[layer] = str(said)
        self.calls.keep(args[0], layer)

    def _read(self, func: Any, name: str, args: Any, kwargs: Any, given: list[Tensor], made: list[Tensor]) -> None:
        try:
            if len(made) > 1:
                raise Untraced(UNKNOWN)
            result = self.calls.layer(func, name, args, kwargs, given, made[0])
        except (Untraced, SpecError, TypeError) as error:
            said = str(self._stopped(func, str(error) if not isinstance(error, TypeError) else UNKNOWN))
            for tensor in made:
                layer = self.calls.unknown(shown(func), given, (args, kwargs), tensor)
                self.calls.stops[layer] = said
                self.calls.keep(tensor, layer)
            return
        self.calls.keep(made[0], result)

    def _stopped(self, func: Any, reason: str) -> SpecError:
        where = f" in layer {self.calls.path[-1]!r}" if self.calls.path[-1] else ""
        return SpecError(f"tracing stops at {shown(func)}{where}{line()}: {reason}")
