"""Dense tensors of real numbers. Other kinds are refused by name before anything is computed with them."""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.common.errors import SpecError


def plain(state: dict[str, Tensor], name: str, most: int) -> dict[str, Tensor]:
    """The same tensors, without gradients. name: of the file. most: bytes that all of them may take as float32.

    A small file may expand one stored number to a tensor of a million, so values are counted, not bytes of the file.
    Raises SpecError for sparse, quantised, complex, nested or meta tensors.
    """
    values = 0
    for key, tensor in state.items():
        kind = _foreign(tensor)
        if kind:
            raise SpecError(f"weights {name} hold {kind} under {key[:60]!r}: save a plain tensor of real numbers")
        values += tensor.numel()
        if 4 * values > most:
            raise SpecError(f"weights {name} unpack to more than {most / 2**30:.0f} GB: give a smaller file")
    return {key: tensor.detach().resolve_neg() for key, tensor in state.items()}


def _foreign(tensor: Tensor) -> str:
    """What kind of tensor it is where it is no plain one, in words; "" where it is."""
    if tensor.device.type == "meta":
        return "a tensor without values (meta)"
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.layout is not torch.strided:
        return "a sparse tensor"
    if tensor.is_quantized:
        return "a quantised tensor"
    if tensor.is_complex():
        return "complex numbers"
    if type(tensor) not in (Tensor, torch.nn.Parameter, torch.nn.Buffer):
        return f"a tensor of the kind {type(tensor).__name__[:40]}"
    if tensor.dtype not in _REAL:
        return f"values of the kind {str(tensor.dtype).removeprefix('torch.')}"
    return ""


_REAL = {
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64,
}  # fmt: skip
