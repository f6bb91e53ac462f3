"""What a person called the files that are kept by their hash, so that they can be found again by name."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gi_core.common.paths import home
from pages.shared.experiment import uploads
from pages.shared.session import viewer

MOST_LETTERS = 80
_FILE = "names.json"
_UPLOAD = re.compile(r"the uploaded file ([0-9a-f]{8})…")


@dataclass(frozen=True)
class Kept:
    """A file on this machine. part: what it was given as. size: bytes."""

    ref: str
    name: str
    part: str
    size: int


def remember(ref: str, name: str, part: str) -> None:
    """Note the name of `upload:SHA256`; files that are gone are forgotten. A name that cannot be noted is no loss."""
    entries = {digest: entry for digest, entry in _read().items() if (_folder() / digest).is_file()}
    entries.pop(ref.removeprefix("upload:"), None)
    clean = " ".join(Path(name).name.split())[:MOST_LETTERS] or "a file"
    entries[ref.removeprefix("upload:")] = {"name": clean, "part": part, "owner": viewer() or ""}
    newest = dict(list(entries.items())[-uploads.MOST_FILES :])
    temporary = _folder() / f".{_FILE}.{os.getpid()}.tmp"
    try:
        temporary.write_text(json.dumps(newest))
        os.replace(temporary, _folder() / _FILE)
    except OSError:
        temporary.unlink(missing_ok=True)


def of(ref: str) -> str:
    """What this person called it, else a part of its hash."""
    digest = ref.removeprefix("upload:")
    entry = _read().get(digest)
    return entry["name"] if entry and _mine(entry) else f"file {digest[:8]}…" if ref.startswith("upload:") else ref


def kept(*parts: str) -> list[Kept]:
    """This person's files that were given as one of `parts`, newest first."""
    found = []
    for digest, entry in reversed(_read().items()):
        path = _folder() / digest
        if entry["part"] in parts and _mine(entry) and path.is_file():
            found.append(Kept("upload:" + digest, entry["name"], entry["part"], path.stat().st_size))
    return found


def said(sentence: str) -> str:
    """A worker's sentence with names, in quotes, in place of hashes."""
    known = {digest[:8]: f"“{entry['name']}”" for digest, entry in _read().items() if _mine(entry)}
    return _UPLOAD.sub(lambda match: known.get(match[1], match[0]), sentence)


def _mine(entry: dict[str, Any]) -> bool:
    return viewer() in (None, entry["owner"])


def _folder() -> Path:
    return home() / "uploads"


def _read() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads((_folder() / _FILE).read_text())
        return {str(k): {n: str(v[n]) for n in ("name", "part", "owner")} for k, v in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
