"""What was measured of the claims: shipped with the program, and on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from gi_core.common.paths import home
from gi_core.common.whole_files import write_text
from gi_core.reproductions.verdicts import Measured
from gi_core.settings import SpecError
from gi_core.settings.documents import read_json

SHIPPED = Path(__file__).with_name("measured.json")
"""Written by `python -m gi_core reproduce --out`, and by nothing else."""
_MOST_BYTES = 8 * 2**20
_LATER: dict[str, Any] = {"sweep": "", "controls": {}, "accuracy": None}


def shipped() -> dict[str, Measured]:
    """Id of a claim -> what was measured of it when the program was made."""
    return _whole(json.loads(SHIPPED.read_text("utf-8"))) if SHIPPED.is_file() else {}


def here() -> dict[str, Measured]:
    """The same of this machine. Raises SpecError where the file is damaged."""
    path = _path()
    if not path.is_file():
        return {}
    held = read_json(path.read_bytes(), _MOST_BYTES, f"{path}")
    if not isinstance(held, dict) or not all(isinstance(one, dict) and "verdict" in one for one in held.values()):
        raise SpecError(f"{path} is damaged: delete it, and it is written anew")
    return _whole(held)


def _whole(held: dict[str, Any]) -> dict[str, Measured]:
    """With what records had not before controls stood beside them."""
    return {name: cast(Measured, _LATER | one) for name, one in held.items()}


def newer(known: dict[str, Measured], found: dict[str, Measured]) -> dict[str, Measured]:
    """Both together, of a claim the second; but what was measured on other pictures never takes the place of what was measured on
    the publication's own.
    """
    taken = {name: one for name, one in found.items() if one["own"] or name not in known or not known[name]["own"]}
    return known | taken


def known() -> dict[str, Measured]:
    """Id of a claim -> what is known of it, of this machine where it is better. Raises SpecError where the file is damaged."""
    return newer(shipped(), here())


def keep(found: dict[str, Measured], path: Path | None = None) -> None:
    """Put these in place of what was known of the same claims. path: another file than this machine's. Raises SpecError, DiskFull."""
    if path is None:
        held, path = here(), _path()
    else:
        held = cast(dict[str, Measured], read_json(path.read_bytes(), _MOST_BYTES, path.name)) if path.is_file() else {}
    write_text(path, json.dumps(newer(held, found), indent=1, sort_keys=True, allow_nan=False) + "\n")


def _path() -> Path:
    return home() / "reproductions.json"
