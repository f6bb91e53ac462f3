"""The input of one layer: as a function of the picture, and put in place of the picture's own."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gi_core.networks.adapters import Adapted


class _Reached(Exception):
    """The pass has come to the layer; nothing behind it is needed."""

    def __init__(self, value: Tensor):
        self.value = value


class Features:
    """phi: x (1, N, C, H, W), normalised -> [the input of the layer at `path`, (1, N, D)], as `numerics.jacobian.Played`."""

    def __init__(self, model: nn.Module, path: str):
        self.model = copy.deepcopy(model).double().cpu().eval().requires_grad_(False)

        def reach(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            raise _Reached(inputs[0])

        self.model.get_submodule(path).register_forward_pre_hook(reach)

    def __call__(self, x: Tensor, target: Tensor, only: Sequence[int] | None = None) -> list[Tensor]:
        try:
            self.model(x[0])
        except _Reached as reached:
            return [reached.value[None]]
        raise AssertionError("the layer is not part of the network's pass")


def first_adapted(model: nn.Module, shape: Sequence[int]) -> tuple[str, Adapted, tuple[int, ...]] | None:
    """(path, layer, shape of its input) of the first layer with adapters that a picture of this shape (C, H, W) comes to; None without any."""
    names = {module: name for name, module in model.named_modules() if isinstance(module, Adapted)}
    found: list[tuple[str, Adapted, tuple[int, ...]]] = []

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(module, Adapted)
        found.append((names[module], module, tuple(inputs[0].shape)))

    hooks = [module.register_forward_pre_hook(note) for module in names]
    try:
        with torch.no_grad():
            parameter = next(model.parameters())
            model(torch.zeros(1, *shape, dtype=parameter.dtype, device=parameter.device))
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else None


@contextmanager
def given(model: nn.Module, path: str) -> Iterator[list[Tensor]]:
    """While it lasts, the layer at `path` takes what the list holds last in place of its input."""
    held: list[Tensor] = []
    hook = model.get_submodule(path).register_forward_pre_hook(lambda _, inputs: (held[-1], *inputs[1:]))
    try:
        yield held
    finally:
        hook.remove()
