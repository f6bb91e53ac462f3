"""A job's folder on its way back: a zip of plain files and the job's report, read with bounds and nothing unpickled.

It came over a network, so a name that leads out of the folder, a kind of file that no job writes, or more bytes than
are allowed refuse the whole.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from gi_core.common import whole_files
from gi_core.jobs.rows import encode
from gi_core.jobs.snapshots import Snapshots
from gi_core.settings import SpecError

MOST_BYTES = 64 * 2**20
MOST_FILES = 2000
_REPORT = "told"
_NAME = re.compile(r"([\w-]+/)?[\w-][\w.-]*\.(json|npz|npy|png|csv|pt|safetensors)")
_LARGE = f"its files take more than {MOST_BYTES // 2**20} MiB, which do not travel: run it on this machine"
_BROKEN = "what came back is no result: {}"


def pack(report: dict[str, Any], folder: Path) -> bytes:
    """The job's report (JSON) and the files of the folder. Snapshots are thinned until it fits. Raises SpecError."""
    snapshots = Snapshots(folder)
    kept = snapshots.iterations()
    while _bytes(folder) > MOST_BYTES:
        if len(kept) <= 2:
            raise SpecError(_LARGE)
        kept = snapshots.thin(kept)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(_REPORT, encode(report))
        for path in _files(folder):
            archive.write(path, path.relative_to(folder).as_posix())
    return buffer.getvalue()


def unpack(data: bytes, folder: Path) -> dict[str, Any]:
    """Write the files into the folder, each whole; returns the report. Raises SpecError, DiskFull among them."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            listed = [i for i in archive.infolist() if i.filename != _REPORT]
            if len(listed) > MOST_FILES or sum(i.file_size for i in archive.infolist()) > 2 * MOST_BYTES:
                raise SpecError(_BROKEN.format("it is too large"))
            if wrong := [i.filename for i in listed if not _NAME.fullmatch(i.filename)]:
                raise SpecError(_BROKEN.format(f"no job writes a file {wrong[0][:60]!r}"))
            report = json.loads(archive.read(_REPORT))
            for info in listed:
                path = folder / info.filename
                path.parent.mkdir(exist_ok=True)
                whole_files.write(path, lambda file: file.write(archive.read(info)))  # noqa: B023 - called at once
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError) as error:
        raise SpecError(_BROKEN.format(" ".join(str(error).split())[:120])) from None
    if not isinstance(report, dict):
        raise SpecError(_BROKEN.format("it says nothing"))
    return report


def _files(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return [p for p in found if _NAME.fullmatch(p.relative_to(folder).as_posix())]


def _bytes(folder: Path) -> int:
    return sum(p.stat().st_size for p in _files(folder))
