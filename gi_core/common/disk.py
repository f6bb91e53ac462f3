"""Errors of one sentence for a disk that is full or closed, and for a store that is locked or damaged."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gi_core.common.errors import SpecError

_FULL = "the disk is full: delete runs, or free space under {}"
_CLOSED = "cannot write into {}: set GI_HOME to a folder you can write to"
_DAMAGED = "store.sqlite in {} is damaged: move it away, or set GI_HOME to another folder"
_BUSY = "store.sqlite in {} is held by another program: close what reads it, and try again"
_BROKEN = (
    sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_SCHEMA,
)  # fmt: skip
"""No database, torn pages, or tables that are not ours (our own statements are tested)."""


class Busy(SpecError):
    """Another program keeps the store locked."""


class DiskFull(SpecError):
    """No space is left where runs are kept."""


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Turn "no space left" into `DiskFull` and a folder or store that cannot be used into SpecError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(_FULL.format(folder)) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise SpecError(_CLOSED.format(folder)) from error
        raise
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind of error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Busy(_BUSY.format(folder)) from error
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(_FULL.format(folder)) from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            raise SpecError(_CLOSED.format(folder)) from error
        if code in _BROKEN:
            raise SpecError(_DAMAGED.format(folder)) from error
        raise
    except UnicodeDecodeError as error:  # sqlite3 cannot say what is wrong with a damaged schema: it quotes it
        raise SpecError(_DAMAGED.format(folder)) from error
