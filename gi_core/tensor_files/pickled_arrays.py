"""Arrays of a pickle, from the four things that numpy stores of one: names of its own, a dtype, a shape, bytes.

Nothing is called. An array is a view of the file's own bytes, and anything else in the file ends the reading.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MOST_DIMENSIONS, MOST_SIDE = 32, 2**40
MOST_WORD = 80
_NUMPY = {"_reconstruct": "multiarray", "scalar": "multiarray", "_frombuffer": "numeric"}
_NAMES = {(f"{core}.{module}", name): name for name, module in _NUMPY.items() for core in ("numpy.core", "numpy._core")}
_NAMES |= {(module, name): name for module, name in (
    ("numpy", "ndarray"), ("numpy", "dtype"), ("collections", "OrderedDict"), ("_codecs", "encode"),
)}  # fmt: skip


class Name:
    """One of the seven names that a file may use."""

    def __init__(self, text: str) -> None:
        self.text = text


class Shell:
    """An array before its state is read: `_reconstruct` makes it, `fill` sets its value. value: an array, or one object."""

    value: Any = None


class Kind:
    """A dtype before its state is read: its letters, and the byte order that `fill` sets."""

    def __init__(self, letters: str) -> None:
        self.letters, self.order = letters, "="

    @property
    def dtype(self) -> np.dtype:
        if not self.letters or self.letters[:1] not in "fiub" or len(self.letters) > 3:
            raise ValueError("not a kind of number")
        return np.dtype(self.letters).newbyteorder(self.order)  # type: ignore[arg-type]  # `fill` lets nothing else in


class Foreign(Exception):
    """The file asks for something that is no part of an array."""


def named(module: Any, name: Any) -> Name:
    if type(module) is not str or type(name) is not str:
        raise Foreign("a name that is no text")
    known = _NAMES.get((module, name))
    if known is None:
        raise Foreign(f"the name {module[:40]}.{name[:40]}")
    return Name(known)


def word(value: Any) -> str:
    """The value, if it is a short text. Anything else may be far larger than the file, so it is neither shown nor compared."""
    if type(value) is not str or len(value) > MOST_WORD:
        raise Foreign("something in place of a short text")
    return value


def fill(state: Any, into: Any) -> None:
    """The state of a dtype (version, order, …) or of an array (version, shape, dtype, by columns, bytes)."""
    if type(into) is Kind:
        into.order = word(state[1])
        if into.order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise Foreign("an array with fields")
    elif type(into) is Shell:
        _, shape, kind, columns, content = state
        if type(content) is list:
            plain = type(kind) is Kind and kind.letters in ("O", "O8") and type(shape) is tuple and not shape
            if not plain or len(content) != 1:
                raise Foreign("an array of objects")
            into.value = content[0]
        else:
            into.value = array(content, kind, shape, "F" if type(columns) in (bool, int) and columns else "C")
    else:
        raise Foreign("a state of something that is no array")


def from_buffer(content: Any, kind: Kind, shape: Any, order: str, axes: Any = None) -> np.ndarray:
    """numpy's `_frombuffer`, of pickle protocol 5. order K: by rows, then the axes are permuted."""
    found = array(content, kind, shape, "F" if word(order) == "F" else "C")
    return found.transpose(sides(axes)) if order == "K" and axes is not None else found


def array(content: Any, kind: Any, shape: Any, order: str) -> np.ndarray:
    """A view of the file's bytes: nothing is allocated, and too few or too many bytes are an error."""
    if type(kind) is not Kind or type(content) not in (str, bytes, bytearray):
        raise Foreign("an array without bytes")
    held = word(content).encode("latin1") if type(content) is str else content
    return np.frombuffer(held, kind.dtype).reshape(sides(shape), order=order)  # type: ignore[call-overload]


def sides(shape: Any) -> tuple[int, ...]:
    """The shape, if every side is within bounds. The product of the sides is not computed."""
    if type(shape) is not tuple or len(shape) > MOST_DIMENSIONS or not all(type(n) is int for n in shape):
        raise ValueError("not a shape")
    if not all(0 <= n <= MOST_SIDE for n in shape):
        raise ValueError("not a shape")
    return shape
