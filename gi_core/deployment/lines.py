"""What one key of a job's configuration says, and how keys and values of such files are walked through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gi_core.deployment.questions import UNKNOWN

MOST_SHOWN = 80
"""Characters of a name or a value that are shown."""
_FLAG = re.compile(r"--([A-Za-z][\w.-]{0,60})[ =]([^\s-]\S{0,80})")
_ARGUMENTS = ("app-config", "task-script-args", "script-args")
"""Keys of NVFlare whose text is the arguments of the client's script."""


@dataclass(frozen=True)
class Line:
    """file, key, value: where it stands, as shown. text: what it says. name: the question that it answers, "" for none; answer: its value.

    clients: whose updates a round waits for. summed: whether the server sees their sum alone.
    """

    file: str
    key: str
    value: str
    text: str
    name: str = ""
    answer: str = UNKNOWN
    clients: int | None = None
    summed: bool = False


@dataclass(frozen=True)
class Leaf:
    """A value without parts. path: its place. key: the last name of it, in lower case with - for _."""

    file: str
    path: str
    key: str
    value: Any

    def says(self, text: str, name: str = "", answer: str = UNKNOWN, **more: Any) -> Line:
        """A line about it."""
        return Line(shown(self.file), shown(self.path), shown(self.value), text, name, answer, **more)

    @property
    def number(self) -> float | None:
        """Its value where it is a number, or a text that is one."""
        if isinstance(self.value, bool):
            return None
        if isinstance(self.value, (int, float)):
            return float(self.value)
        if isinstance(self.value, str) and re.fullmatch(r"\d{1,12}(\.\d{1,12})?(e-?\d{1,2})?", self.value.strip()):
            return float(self.value)
        return None


def leaves(file: str, document: Any, path: str = "") -> Iterator[Leaf]:
    """Every value without parts, in order; arguments of a script one by one. The document's depth is bounded by its reader."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            yield from leaves(file, value, f"{path}.{name}" if path else str(name))
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from leaves(file, value, f"{path}[{place}]")
    else:
        leaf = Leaf(file, path, named(path), document)
        yield leaf
        if leaf.key in _ARGUMENTS and isinstance(document, str):
            for flag, value in _FLAG.findall(document):
                yield replace(leaf, path=f"{path} --{flag}", key=named(flag), value=value)


def named(path: str) -> str:
    """local_epochs and train.local-epochs are the same key."""
    return path.rpartition(".")[2].partition("[")[0].lower().replace("_", "-")


def shown(value: Any) -> str:
    """As a person reads it: one line without control characters."""
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[: MOST_SHOWN + 1])
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def floored(value: float, answers: Mapping[str, int]) -> str:
    """The largest answer that stands for no more than the value: fewer leak more, so nothing is called safer than it is."""
    below = [name for name, least in answers.items() if least <= value]
    return below[-1] if below else UNKNOWN
