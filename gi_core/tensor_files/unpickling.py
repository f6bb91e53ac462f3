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

from gi_core.common.errors import SpecError
from gi_core.tensor_files import pickled_arrays as made
from gi_core.tensor_files.pickled_arrays import MOST_WORD, Foreign, word

MOST_OPCODES = 1_000_000
_LITERALS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}


def unpickle(data: bytes, name: str, bytes_as_names: bool = False) -> Any:
    """What the pickle holds. Raises SpecError with one sentence; nothing of the file is ever run.

    bytes_as_names: whether a dictionary's keys may be bytes, as older programs wrote them; they become text.
    """
    try:
        return _Machine(len(data), bytes_as_names).run(data)
    except Foreign as found:
        raise SpecError(
            f"{name} holds more than arrays ({found}) and was refused without running any of it: save arrays only"
        ) from None
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a damaged pickle fails in every possible way
        raise SpecError(f"{name} is damaged or cut off: save it again") from None


class _Machine:
    """stack, marks and memo of a pickle. spare: bytes of text that it may still encode, which bounds repetition."""

    def __init__(self, size: int, bytes_as_names: bool) -> None:
        self.bytes_as_names = bytes_as_names
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.spare = 2 * size

    def run(self, data: bytes) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > MOST_OPCODES:
                raise Foreign("more than a million instructions")
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
            push(made.named(module, name))
        elif code == "REDUCE":
            arguments, called = pop(), pop()
            push(self._make(called, arguments))
        elif code == "BUILD":
            made.fill(pop(), self.stack[-1])
        else:
            raise Foreign(f"the instruction {code}")

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
            raise Foreign("a dictionary with keys that are no names")
        self._top(dict).update(zip(keys, values, strict=True))

    def _make(self, called: Any, arguments: Any) -> Any:
        """What numpy would make of a call, without calling anything."""
        if type(called) is not made.Name or type(arguments) is not tuple:
            raise Foreign("a call of something that is no part of an array")
        if called.text == "_reconstruct":
            return made.Shell()
        if called.text == "dtype":
            return made.Kind(word(arguments[0]))
        if called.text == "scalar":
            kind, content = arguments
            return made.array(content, kind, (), "C")
        if called.text == "_frombuffer":
            return made.from_buffer(*arguments)
        if called.text == "OrderedDict" and not arguments:
            return {}
        if called.text == "encode":
            if len(arguments) != 2 or type(arguments[0]) is not str or word(arguments[1]) != "latin1":
                raise Foreign("text that is no text of bytes")
            self.spare -= len(arguments[0])
            if self.spare < 0:
                raise Foreign("text that repeats itself")
            return arguments[0].encode("latin1")
        raise Foreign(f"a call of {called.text}")
