"""May this update leave the client? `python -m gi_core audit` decides, in an interpreter of its own.

A framework's pins conflict with the attacks' (torch, numpy), so the audit never runs in the framework's process. It
fails closed: an audit that fails, takes too long, or says nothing that can be read withholds the update.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[2]  # where this package was found: the audit is of the same version
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True)
class Decision:
    """leaked: the measured RDLV, None where nothing was. send: whether the update may leave. sentence: why. notices: what
    the audit found of the update first (whole weights, another scale, frozen layers).
    """

    send: bool
    sentence: str
    leaked: float | None = None
    threshold: float | None = None
    notices: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The verdict as JSON holds it; `notices` only where there are some."""
        found = asdict(self) | {"notices": list(self.notices)}
        return {k: v for k, v in found.items() if k != "notices" or v}


@dataclass(frozen=True)
class Gate:
    """python: the interpreter with this project's requirements. arguments: of `audit` besides the round's files:
    the client's own pictures, the prior, the model and the attack. threshold: the RDLV above which the update is
    withheld. seconds: given to one audit. folder: where the project lies.
    """

    python: str
    arguments: Sequence[str] = ()
    threshold: float = 1.0
    seconds: float = 600.0
    folder: str = field(default=str(HOME))

    def decide(self, files: Sequence[str]) -> Decision:
        """files: the arguments that name the round's files. Never raises: an error withholds the update."""
        command = [self.python, "-m", "gi_core", "audit", *files, *self.arguments]
        command += ["--threshold", repr(float(self.threshold)), "--json"]
        environment = {k: v for k, v in os.environ.items() if k not in _FOREIGN}
        try:
            code, out, err = _run(command, environment, self.folder, self.seconds)
        except subprocess.TimeoutExpired:
            return self._no(f"it took longer than {self.seconds:g} seconds")
        except (OSError, ValueError) as error:
            return self._no(f"it could not be started ({error})")
        return self._read(code, out, err)

    def _read(self, code: int, out: str, err: str) -> Decision:
        lines = out.strip().splitlines()
        try:
            said = json.loads(lines[-1])
            send, leaked, sentence = said["send"], said["leaked"], str(said["sentence"])
            notices = tuple(str(notice) for notice in said.get("notices") or ())
        except (IndexError, KeyError, TypeError, ValueError):
            words = err.strip().splitlines()
            return self._no(words[-1].removeprefix("error: ") if words else f"it ended with code {code}")
        number = isinstance(leaked, int | float) and not isinstance(leaked, bool) and math.isfinite(leaked)
        if send is not True:
            return Decision(False, sentence, float(leaked) if number else None, self.threshold, notices)
        if code != 0 or not number or leaked > self.threshold:  # a yes must be whole to be believed
            return self._no("it contradicts itself")
        return Decision(True, sentence, float(leaked), self.threshold, notices)

    def _no(self, reason: str) -> Decision:
        return Decision(False, f"withheld, as the audit failed: {reason}", None, self.threshold)


def _run(command: list[str], environment: dict[str, str], folder: str, seconds: float) -> tuple[int, str, str]:
    """(exit code, stdout, stderr). What it started ends with it when the time is up: it would keep the pipes open."""
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
            raise
        return process.returncode, out, err


def gate(settings: Gate | dict[str, Any] | None) -> Gate | None:
    """From a configuration file's plain values."""
    return Gate(**settings) if isinstance(settings, dict) else settings
