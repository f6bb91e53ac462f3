"""Where a vision transformer adds positions to patches, told by running the network, whatever its parts are called.

    z_t = W p_t + b + pos_t,   t = 1..T, behind c prefix tokens that are the same for every picture

What is looked for is the first layer norm whose input is exactly that; nothing goes by names or classes of a library.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

SAME = 1e-4
"""Relative difference of what is equal up to float32's rounding."""


@dataclass(frozen=True)
class Tokens:
    """patches: path of the convolution (D, C, p, q). positions: name of the tensor that is added, whose last T rows are the
    patches'. prefix: c. grid: patches in a column and in a row. norms: paths of the layer norm that sees z and, where another
    one sees its output (CLIP), of that. reading: names of the weights, parts of (D, D), that read the last one's output in the
    first attention; empty where something lies between. known: (c, D), what the layer norms make of the prefix.
    """

    patches: str
    positions: str
    prefix: int
    grid: tuple[int, int]
    patch: tuple[int, int]
    width: int
    norms: tuple[str, ...]
    reading: tuple[str, ...]
    known: Tensor

    @property
    def count(self) -> int:
        """T."""
        return self.grid[0] * self.grid[1]

    @property
    def kernel(self) -> str:
        """Name of the patches' weights."""
        return f"{self.patches}.weight".lstrip(".")


class _Enough(Exception):
    """The pass is behind the first attention; the blocks above cost most of it and say nothing here."""


class _Seen:
    """What the hooks note of one pass: the patches, then the first layer norm behind them, then who reads it. The layer norm
    behind the first attention ends the pass.
    """

    def __init__(self) -> None:
        self.patches: tuple[str, Tensor] | None = None
        self.norms: list[tuple[str, Tensor, Tensor]] = []
        self.reading: list[str] = []

    def conv(self, name: str, output: Tensor) -> None:
        if self.patches is None:
            self.patches = name, output

    def layer_norm(self, name: str, given: Tensor, output: Tensor) -> None:
        if self.patches is None or given.dim() != 3:
            return
        if not self.norms or (len(self.norms) == 1 and _same(given, self.norms[0][2])):
            self.norms.append((name, given, output))
        elif self.reading:
            raise _Enough

    def read(self, name: str, given: Any) -> None:
        if self.norms and isinstance(given, Tensor) and _same(given, self.norms[-1][2]):
            self.reading.append(name)


def _same(given: Tensor, output: Tensor) -> bool:
    """Whether a layer is given the very output of another one."""
    return given.shape == output.shape and given.data_ptr() == output.data_ptr()


def tokens_of(model: nn.Module, input_shape: tuple[int, int, int]) -> Tokens | None:
    """The tokens of a network on pictures (C, H, W); None where it adds no positions to patches."""
    convs = [n for n, m in model.named_modules() if isinstance(m, nn.Conv2d) and _splits(m, input_shape)]
    norms = [n for n, m in model.named_modules() if isinstance(m, nn.LayerNorm)]
    if not convs or not norms:
        return None
    seen = _watched(model, input_shape)
    if seen.patches is None or not seen.norms:
        return None
    (patches, tokens), (_, z, _) = seen.patches, seen.norms[0]
    width, rows, columns = tokens.shape[1:]
    prefix = z.shape[1] - rows * columns
    if prefix < 0 or z.shape[2] != width:
        return None
    flat = tokens.flatten(2).transpose(1, 2)
    name = _added(model, z[:, prefix:] - flat, SAME * float(z.abs().max()))
    if name is None or not torch.equal(z[0, :prefix], z[1, :prefix]):
        return None
    conv = model.get_submodule(patches)
    assert isinstance(conv, nn.Conv2d)
    side = (int(conv.kernel_size[0]), int(conv.kernel_size[1]))
    return Tokens(
        patches, name, prefix, (rows, columns), side, width, tuple(path for path, _, _ in seen.norms), tuple(seen.reading),
        seen.norms[-1][2][0, :prefix].clone(),
    )  # fmt: skip


def _splits(conv: nn.Conv2d, input_shape: tuple[int, int, int]) -> bool:
    """Whether a convolution cuts the picture into patches that do not overlap."""
    plain = conv.groups == 1 and set(conv.dilation) == {1} and conv.padding in ((0, 0), "valid")
    return plain and conv.kernel_size == conv.stride and conv.in_channels == input_shape[0]


@torch.no_grad()
def _watched(model: nn.Module, input_shape: tuple[int, int, int]) -> _Seen:
    """Two pictures of noise, seen by the layers of the network; a copy where it is in train mode."""
    model = copy.deepcopy(model).eval() if model.training else model
    seen, hooks = _Seen(), []

    def note(name: str):
        def hook(module: nn.Module, given: Any, named: dict[str, Any], output: Any) -> None:
            first = given[0] if given else named.get("query", named.get("input"))
            if isinstance(module, nn.Conv2d) and _splits(module, input_shape):
                seen.conv(name, output)
            elif isinstance(module, nn.LayerNorm) and first is not None:
                seen.layer_norm(name, first, output)
            elif isinstance(module, nn.MultiheadAttention):
                seen.read(f"{name}.in_proj_weight", first)
            elif isinstance(module, nn.Linear):
                seen.read(f"{name}.weight", first)

        return hook

    looked = nn.Conv2d | nn.LayerNorm | nn.MultiheadAttention | nn.Linear
    for name, module in model.named_modules():
        if isinstance(module, looked):
            hooks.append(module.register_forward_hook(note(name), with_kwargs=True))
    parameter = next(model.parameters())
    try:
        noise = torch.rand((2, *input_shape), generator=torch.Generator().manual_seed(0))
        model(noise.to(parameter))
    except _Enough:
        pass
    finally:
        for handle in hooks:
            handle.remove()
    return seen


def _added(model: nn.Module, difference: Tensor, tolerance: float) -> str | None:
    """The parameter or buffer whose last rows are what was added to both pictures' patches (2, T, D)."""
    count, width = difference.shape[1:]
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.dim() < 2 or tensor.shape[-1] != width or tensor.numel() // width < count:
            continue
        if tensor.shape[-2] != tensor.numel() // width:
            continue
        rows = tensor.detach().reshape(-1, width)[-count:]
        if float((difference - rows).abs().max()) <= tolerance:
            return name
    return None
