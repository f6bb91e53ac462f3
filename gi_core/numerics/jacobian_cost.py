"""What a product with J costs, by counting operations. No clock is read, so a busy machine gives the same answer.

    seconds = 6 (flops / RATE + (values + parameters) / MEMORY) + CALLS layers        of one typical core

flops and values: of one pass of the pictures through the network. A product J J^T v is two passes through the kept graph
of the gradient, each about three times the network's own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PASSES = 6
RATE = {"cpu": 1.2e10, "cuda": 5e11, "mps": 1e11}
"""Operations in a second, double precision."""
MEMORY = {"cpu": 3e8, "cuda": 3e10, "mps": 1e10}
"""Values written in a second, with what is read for them."""
CALLS = 2e-4
"""Seconds that one layer's kernels take to be called, in all passes."""


def forward(model: nn.Module, x: Tensor) -> tuple[int, int, int]:
    """(operations, values of all outputs, layers) of x (N, C, H, W) going through the network once.

    A layer's matrix (rows, ...) is applied at as many places as its output has values for each row: two operations for
    each of its values.
    """
    counted = [0, 0, 0]

    def count(module: nn.Module, inputs: object, output: object) -> None:
        result = output[0] if isinstance(output, tuple) else output
        if not isinstance(result, Tensor):
            return
        for matrix in (p for p in module.parameters(recurse=False) if p.dim() > 1):
            counted[0] += 2 * matrix.numel() * max(1, result.numel() // matrix.shape[0])
        if not list(module.children()):
            counted[1] += result.numel()
            counted[2] += 1

    hooks = [
        module.register_forward_hook(count)
        for module in model.modules()
        if not list(module.children()) or list(module.parameters(recurse=False))
    ]
    try:
        with torch.no_grad():
            model(x.to(next(model.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return counted[0], counted[1], counted[2]


def pass_seconds(model: nn.Module, x: Tensor, device: str = "cpu") -> float:
    """Nominal seconds of one pass."""
    flops, values, layers = forward(model, x)
    moved = values + sum(p.numel() for p in model.parameters())
    return flops / RATE.get(device, RATE["cpu"]) + moved / MEMORY.get(device, MEMORY["cpu"]) + CALLS * layers / PASSES


def product_seconds(model: nn.Module, x: Tensor, device: str = "cpu") -> float:
    """Nominal seconds of one product of J J^T."""
    return PASSES * pass_seconds(model, x, device)
