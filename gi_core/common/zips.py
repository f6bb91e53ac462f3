"""The table of contents of a zip archive, bounded before it is read: an archive of a megabyte may list 20,000 members."""

from __future__ import annotations

import zipfile
from pathlib import Path

from gi_core.common.errors import SpecError

MOST_MEMBERS = 20_000
MOST_TABLE = 4 * 2**20
"""Bytes of the table: 46 and a name for each member."""
_END, _END64, _LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_TAIL = 22 + 2**16


def contents(path: Path, name: str) -> list[zipfile.ZipInfo]:
    """The members of the archive; an empty list where the file is no zip archive. Raises SpecError for one that lists too many."""
    try:
        if not path.is_file():  # a pipe or a device may never end
            return []
        if _table_bytes(path) > MOST_TABLE:
            raise SpecError(f"{name} lists too many members: at most {MOST_MEMBERS} are read")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except SpecError:
        raise
    except Exception:  # noqa: BLE001 - a damaged archive fails in every possible way
        return []
    if len(entries) > MOST_MEMBERS:
        raise SpecError(f"{name} has {len(entries)} members: at most {MOST_MEMBERS} are read")
    return entries


def unpacked(path: Path, name: str) -> int:
    """Bytes that its members say they unpack to."""
    return sum(entry.file_size for entry in contents(path, name))


def _table_bytes(path: Path) -> int:
    """Bytes of the table as the archive's end states them. Of several ends the largest counts, since readers differ."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
        found, at = 0, tail.find(_END)
        while at >= 0:
            found = max(found, _number(tail, at + 12, 4) % (2**32 - 1))
            at = tail.find(_END, at + 1)
        at = tail.find(_LOCATOR)
        while at >= 0:
            file.seek(min(size, _number(tail, at + 8, 8)))
            record = file.read(56)
            if record.startswith(_END64):
                found = max(found, _number(record, 40, 8))
            at = tail.find(_LOCATOR, at + 1)
    return found


def _number(content: bytes, at: int, length: int) -> int:
    return int.from_bytes(content[at : at + length], "little")
