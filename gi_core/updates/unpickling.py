"""A pickle of arrays, read by a machine of our own: it knows some opcodes and six names, and calls nothing of others.

numpy saves an object array as a pickle. Python's unpickler would call whatever the file names. Here `pickletools` only
takes the opcodes apart, and each is acted out on plain values: numbers, text, bytes, tuples, lists, dictionaries, and
arrays that are views of the file's own bytes. Any other opcode or name ends the reading.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from gi_core.spec.base import SpecError

MOST_OPCODES = 1_000_000
_LITERALS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}
_NUMPY = {"_reconstruct": "multiarray", "scalar": "multiarray", "_frombuffer": "numeric"}
_NAMES = {(f"{core}.{module}", name): name for name, module in _NUMPY.items() for core in ("numpy.core", "numpy._core")}
_NAMES |= {(module, name): name for module, name in (
    ("numpy", "ndarray"), ("numpy", "dtype"), ("collections", "OrderedDict"), ("_codecs", "encode"),
)}  # fmt: skip


class Name:
    """One of the names that may stand in the file; only its text counts."""

    def __init__(self, text: str) -> None:
        self.text = text


class Shell:
    """An array on its way: `_reconstruct` makes it, its state fills it. value: an array, or the one object in it."""

    value: Any = None


class Kind:
    """A dtype on its way: its letters, then its byte order."""

    def __init__(self, letters: str) -> None:
        self.letters, self.order = letters, "="

    @property
    def dtype(self) -> np.dtype:
        if self.letters[:1] not in "fiub" or len(self.letters) > 3:
            raise ValueError("not a kind of number")
        return np.dtype(self.letters).newbyteorder(self.order)


class _Foreign(Exception):
    """The file names something that is no part of an array."""


def unpickle(data: bytes, name: str) -> Any:
    """What the pickle holds. Raises SpecError with one sentence; nothing of the file is ever run."""
    try:
        return _Machine(len(data)).run(data)
    except _Foreign as found:
        raise SpecError(
            f"{name} holds more than arrays ({found}) and was refused without running any of it: save arrays only"
        ) from None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a damaged pickle fails in every possible way
        raise SpecError(f"{name} is damaged or cut off: save it again") from None


class _Machine:
    """stack, marks and memo of a pickle; `spare`: bytes that it may still make, so that no name repeats itself large."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.spare = 2 * size

    def run(self, data: bytes) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > MOST_OPCODES:
                raise _Foreign("more than a million instructions")
            if opcode.name == "STOP":
                (value,) = self.stack
                return value
            self._step(opcode.name, argument)
        raise ValueError("no end")

    def _step(self, code: str, argument: Any) -> None:
        push, pop = self.stack.append, self.stack.pop
        if code in _VALUES:
            push(argument)
        elif code in _LITERALS:
            push(_LITERALS[code])
        elif code in _EMPTY:
            push(_EMPTY[code]())
        elif code in ("PROTO", "FRAME"):
            return
        elif code in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif code == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif code in ("BINGET", "LONG_BINGET"):
            push(self.memo[argument])
        elif code == "MARK":
            self.marks.append(len(self.stack))
        elif code == "TUPLE":
            push(tuple(self._marked()))
        elif code in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(code[-1])
            push(tuple(pop() for _ in range(count))[::-1])
        elif code in ("APPEND", "APPENDS"):
            items = [pop()] if code == "APPEND" else self._marked()
            self._top(list).extend(items)
        elif code in ("SETITEM", "SETITEMS"):
            items = [pop(), pop()][::-1] if code == "SETITEM" else self._marked()
            self._set(items)
        elif code in ("GLOBAL", "STACK_GLOBAL"):
            module, _, name = argument.partition(" ") if code == "GLOBAL" else (pop(-2), "", pop())
            push(_named(module, name))
        elif code == "REDUCE":
            arguments, called = pop(), pop()
            push(self._make(called, arguments))
        elif code == "BUILD":
            _fill(pop(), self.stack[-1])
        else:
            raise _Foreign(f"the instruction {code}")

    def _marked(self) -> list[Any]:
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def _top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise ValueError("nothing to put it into")
        return self.stack[-1]

    def _set(self, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        if not all(type(key) is str for key in keys):
            raise _Foreign("a dictionary with keys that are no names")
        self._top(dict).update(zip(keys, values, strict=True))

    def _make(self, called: Any, arguments: Any) -> Any:
        """What numpy would make of a call, from its description alone."""
        if type(called) is not Name or type(arguments) is not tuple:
            raise _Foreign("a call of something that is no part of an array")
        if called.text == "_reconstruct":
            return Shell()
        if called.text == "dtype":
            return Kind(str(arguments[0]))
        if called.text == "scalar":
            kind, content = arguments
            return np.frombuffer(content, kind.dtype, 1).reshape(())
        if called.text == "_frombuffer":
            return _from_buffer(*arguments)
        if called.text == "OrderedDict" and not arguments:
            return {}
        if called.text == "encode" and arguments[1:] == ("latin1",):
            self.spare -= len(arguments[0])
            if self.spare < 0:
                raise _Foreign("text that repeats itself")
            return arguments[0].encode("latin1")
        raise _Foreign(f"a call of {called.text}")


def _named(module: Any, name: Any) -> Name:
    known = _NAMES.get((module, name)) if type(module) is str and type(name) is str else None
    if known is None:
        raise _Foreign(f"the name {str(module)[:40]}.{str(name)[:40]}")
    return Name(known)


def _fill(state: Any, into: Any) -> None:
    """The state of a dtype (version, order, …) or of an array (version, shape, dtype, by columns, bytes)."""
    if type(into) is Kind:
        into.order = state[1]
        if into.order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise _Foreign("an array with fields")
    elif type(into) is Shell:
        _, shape, kind, columns, content = state
        if type(content) is list:
            if kind.letters not in ("O", "O8") or shape != () or len(content) != 1:
                raise _Foreign("an array of objects")
            into.value = content[0]
        else:
            into.value = _array(content, kind.dtype, shape, "F" if columns else "C")
    else:
        raise _Foreign("a state of something that is no array")


def _from_buffer(content: Any, kind: Kind, shape: tuple, order: str, axes: tuple | None = None) -> np.ndarray:
    """numpy's own way from protocol 5 on; order K: by rows, then its axes put back."""
    array = _array(content, kind.dtype, shape, "F" if order == "F" else "C")
    return array.transpose(axes) if order == "K" and axes is not None else array


def _array(content: Any, dtype: np.dtype, shape: tuple, order: str) -> np.ndarray:
    """A view of the file's bytes: nothing is allocated, and too few or too many bytes are an error."""
    return np.frombuffer(content, dtype).reshape(shape, order=order)  # type: ignore[call-overload]
