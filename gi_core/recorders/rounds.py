"""One client's round to files: global weights, change, statistics of batch norm, and a note of what they are.

Numpy only. `change` is after - before of every entry, batch norm's running statistics and counters included where the
framework carries them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.recorders.gate import Decision, Gate

Arrays = dict[str, np.ndarray]
RUNNING = ("running_mean", "running_var")
NOTE = "about_{name}.json"
_OPTION = {"checkpoint": "--checkpoint", "update": "--update", "statistics": "--bn-stats"}


class Unrecorded(ValueError):
    """A round that cannot be written; the message is one sentence that says what to change."""


@dataclass(frozen=True)
class Origin:
    """framework, client: who sends. number: of the round, as the server counts."""

    framework: str
    client: str
    number: int

    @property
    def name(self) -> str:
        """For file names: what is no letter, digit, dot or dash becomes a dash."""
        client = re.sub(r"[^\w.-]+", "-", self.client, flags=re.ASCII).strip(".-")[:60]
        return f"round{self.number}_{client or 'client'}"


def arrays(values: Mapping[str, Any]) -> Arrays:
    """Copies, so that training in place does not move what was remembered; scalars become arrays of no dimension."""
    return {str(name): np.array(value) for name, value in values.items()}


def difference(after: Mapping[str, Any], before: Arrays) -> Arrays:
    """after - before by name. Raises Unrecorded where the names or shapes are not those that were received."""
    after = {str(name): np.asarray(value) for name, value in after.items()}
    for name in [*before, *after]:
        if name not in before or name not in after:
            where = "sent back" if name in before else "received"
            raise Unrecorded(f"the entry {name!r} was not {where}: record a client that returns the names it was sent")
        if before[name].shape != after[name].shape:
            raise Unrecorded(f"the entry {name!r} has another shape after the round: {after[name].shape}")
    return {name: after[name] - value for name, value in before.items()}


def checked(change: Arrays, before: Arrays) -> Arrays:
    """A change as it is. Raises Unrecorded where it has entries, or shapes, that were not received."""
    for name, value in change.items():
        if name not in before:
            raise Unrecorded(f"the entry {name!r} was not received: record a client that returns the names it was sent")
        if value.shape != before[name].shape:
            raise Unrecorded(f"the entry {name!r} has another shape after the round: {value.shape}")
    return change


def judged(
    folder: str | Path, before: Arrays, change: Arrays, origin: Origin, *, pickled: bool = False,
    gate: Gate | None = None,
) -> Decision:  # fmt: skip
    """Write the round and a note about it; with a gate, its decision, which is no where the round could not be written.

    pickled: the published schema, which needs torch in the framework's environment. Without a gate raises ValueError, OSError.
    """
    try:
        from gi_core.update_files.writing import write_round

        folder = Path(folder).expanduser()
        files = write_round(folder, before, change, name=origin.name, pickled=pickled)
        asked = [part for kind, path in files.items() for part in (_OPTION[kind], str(path))]
        decision = None if gate is None else gate.decide(asked)
        note = {
            "framework": origin.framework, "client": origin.client, "round": origin.number, "entries": len(change),
            "statistics": any(name.endswith(RUNNING) for name in change), "audit": decision and decision.document(),
        }  # fmt: skip
        _write(folder / NOTE.format(name=origin.name), json.dumps(note, indent=1, allow_nan=False))
    except Exception as error:
        if gate is None:
            raise
        sentence = f"withheld, as the round could not be written for its audit: {error}"
        return Decision(False, sentence, None, gate.threshold)
    return decision or Decision(True, "recorded, not audited")


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    part.write_text(text)
    os.replace(part, path)
