"""A pickle of arrays, read by a machine of our own: it knows some opcodes and seven names, and calls nothing of others.

numpy saves an object array as a pickle. Python's unpickler would call whatever the file names. Here `pickletools` only
takes the opcodes apart, and each is acted out on plain values: numbers, text, bytes, tuples, lists, dictionaries, and
arrays that are views of the file's own bytes. Any other opcode or name ends the reading. A few hundred bytes may describe
a tuple of tuples that would take hours to write out, to compare or to hash: so nothing but short text is ever shown or
looked up, and its kind is asked first.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from gi_core.common.errors import SpecError

MOST_OPCODES = 1_000_000
MOST_DIMENSIONS, MOST_SIDE = 32, 2**40
MOST_WORD = 80
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
        if not self.letters or self.letters[:1] not in "fiub" or len(self.letters) > 3:
            raise ValueError("not a kind of number")
        return np.dtype(self.letters).newbyteorder(self.order)


class _Foreign(Exception):
    """The file names something that is no part of an array."""


def unpickle(data: bytes, name: str, bytes_as_names: bool = False) -> Any:
    """What the pickle holds. Raises SpecError with one sentence; nothing of the file is ever run.

    bytes_as_names: whether a dictionary's keys may be bytes, as older programs wrote them; they become text.
    """
    try:
        return _Machine(len(data), bytes_as_names).run(data)
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

    def __init__(self, size: int, bytes_as_names: bool) -> None:
        self.bytes_as_names = bytes_as_names
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
        elif code in ("SHORT_BINSTRING", "BINSTRING"):  # of Python 2: a name, or the bytes of an array
            push(argument if len(argument) <= MOST_WORD else argument.encode("latin1"))
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
        if self.bytes_as_names:
            keys = [key.decode("latin1") if type(key) is bytes and len(key) <= MOST_WORD else key for key in keys]
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
            return Kind(_word(arguments[0]))
        if called.text == "scalar":
            kind, content = arguments
            return _array(content, kind, (), "C")
        if called.text == "_frombuffer":
            return _from_buffer(*arguments)
        if called.text == "OrderedDict" and not arguments:
            return {}
        if called.text == "encode":
            if len(arguments) != 2 or type(arguments[0]) is not str or _word(arguments[1]) != "latin1":
                raise _Foreign("text that is no text of bytes")
            self.spare -= len(arguments[0])
            if self.spare < 0:
                raise _Foreign("text that repeats itself")
            return arguments[0].encode("latin1")
        raise _Foreign(f"a call of {called.text}")


def _named(module: Any, name: Any) -> Name:
    if type(module) is not str or type(name) is not str:
        raise _Foreign("a name that is no text")
    known = _NAMES.get((module, name))
    if known is None:
        raise _Foreign(f"the name {module[:40]}.{name[:40]}")
    return Name(known)


def _word(value: Any) -> str:
    """Short text. Whatever else it is may be far larger than the file, so it is neither shown nor compared."""
    if type(value) is not str or len(value) > MOST_WORD:
        raise _Foreign("something in place of a short text")
    return value


def _fill(state: Any, into: Any) -> None:
    """The state of a dtype (version, order, …) or of an array (version, shape, dtype, by columns, bytes)."""
    if type(into) is Kind:
        into.order = _word(state[1])
        if into.order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise _Foreign("an array with fields")
    elif type(into) is Shell:
        _, shape, kind, columns, content = state
        if type(content) is list:
            plain = type(kind) is Kind and kind.letters in ("O", "O8") and type(shape) is tuple and not shape
            if not plain or len(content) != 1:
                raise _Foreign("an array of objects")
            into.value = content[0]
        else:
            into.value = _array(content, kind, shape, "F" if type(columns) in (bool, int) and columns else "C")
    else:
        raise _Foreign("a state of something that is no array")


def _from_buffer(content: Any, kind: Kind, shape: tuple, order: str, axes: tuple | None = None) -> np.ndarray:
    """numpy's own way from protocol 5 on; order K: by rows, then its axes put back."""
    array = _array(content, kind, shape, "F" if _word(order) == "F" else "C")
    return array.transpose(sides(axes)) if order == "K" and axes is not None else array


def _array(content: Any, kind: Any, shape: Any, order: str) -> np.ndarray:
    """A view of the file's bytes: nothing is allocated, and too few or too many bytes are an error."""
    if type(kind) is not Kind or type(content) not in (str, bytes, bytearray):
        raise _Foreign("an array without bytes")
    held = _word(content).encode("latin1") if type(content) is str else content
    return np.frombuffer(held, kind.dtype).reshape(sides(shape), order=order)  # type: ignore[call-overload]


def sides(shape: Any) -> tuple[int, ...]:
    """A shape, each side within bounds: their product is never worked out here."""
    if type(shape) is not tuple or len(shape) > MOST_DIMENSIONS or not all(type(n) is int for n in shape):
        raise ValueError("not a shape")
    if not all(0 <= n <= MOST_SIDE for n in shape):
        raise ValueError("not a shape")
    return shape
