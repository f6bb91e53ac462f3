"""How a traced call is named to a person: the function, the line, and the reason of an error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

_TORCH, _HERE = Path(torch.__file__).parent, Path(__file__).parent


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in arguments of any nesting."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors(part)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


def first(args: Any, kwargs: Any, key: str = "input") -> Any:
    """The first argument, however it was given."""
    return args[0] if args else kwargs.get(key)


def plain(func: Any) -> str:
    """A function's name without its overload: `add_` of Tensor.add_, `conv2d` of aten.conv2d.default."""
    return str(getattr(func, "__name__", func)).partition(".")[0]


def shown(func: Any) -> str:
    """A function as a person writes it."""
    name, module = plain(func), getattr(func, "__module__", None) or ""
    if name == "__get__":
        return f"Tensor.{getattr(getattr(func, '__self__', None), '__name__', 'property')}"
    if module in ("torch.nn.functional", "torch._C._nn"):
        return f"F.{name}"
    return f"{'aten' if module.startswith('torch._ops') else module if module else 'Tensor'}.{name}"


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def line() -> str:
    """The line of the network's own code that is at work, where there is one: ` (line 12 of model.py)`."""
    frame: FrameType | None = sys._getframe(1)
    entered = False
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        torchs = _TORCH in file.parents
        ours = _HERE in file.parents
        if not torchs and not ours:
            return f" (line {frame.f_lineno} of {file.name})"
        if ours and entered:  # the tracer's call of the network: what is outside it is nobody's layer
            return ""
        entered, frame = entered or torchs, frame.f_back
    return ""
