"""`folder:PATH:KEY`: a folder of class sub-folders (class = sub-folder, in order of name)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gi_core.common.errors import SpecError
from gi_core.common.paths import user_path
from gi_core.data.formats import SUFFIXES
from gi_core.data.opening import read_image
from gi_core.data.types import Sample
from gi_core.data.views import View
from gi_core.settings.documents import whole_number

MAX_FILES = 200_000


@dataclass(frozen=True)
class Folder:
    """files: (path, class) in order of file name, then of class."""

    path: str
    class_names: tuple[str, ...]
    files: tuple[tuple[Path, int], ...]


def open_folder(path: str) -> Folder:
    """List a folder. Raises SpecError where it is missing or has no class sub-folders."""
    root = user_path(path)
    try:
        stamp = (root.stat().st_mtime_ns, *(e.stat().st_mtime_ns for e in _subfolders(root)))
    except NotADirectoryError:
        raise SpecError(f"folder {path} is not a folder") from None
    except OSError as error:
        raise SpecError(f"cannot read folder {path}: {error.strerror or error}") from None
    return _list(path, str(root), stamp)


def _subfolders(root: Path) -> list[os.DirEntry]:
    with os.scandir(root) as entries:
        return sorted((e for e in entries if e.is_dir() and not e.name.startswith(".")), key=lambda e: e.name)


@lru_cache(maxsize=8)
def _list(path: str, root: str, stamp: tuple[int, ...]) -> Folder:  # the stamp notices changed folders
    folders = _subfolders(Path(root))
    files = []
    for label, folder in enumerate(folders):
        for name in os.listdir(folder.path):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                files.append((Path(folder.path, name), label))
        if len(files) > MAX_FILES:
            raise SpecError(f"folder {path} has more than {MAX_FILES} pictures: give a smaller one")
    if not files:
        raise SpecError(f"folder {path} has no class sub-folders with pictures in them")
    files.sort(key=lambda item: (item[0].name, item[1]))
    return Folder(path, tuple(f.name for f in folders), tuple(files))


def find(folder: Folder, key: str) -> tuple[Path, int]:
    """The file of a key: a stem (`0010`), class/stem (`cat/0010`), or an index. Raises SpecError."""
    label_name, _, stem = key.rpartition("/")
    matches = [
        (path, label) for path, label in folder.files
        if path.stem == stem and label_name in ("", folder.class_names[label])
    ]  # fmt: skip
    if len(matches) == 1:
        return matches[0]
    if len(matches) > 1:
        raise SpecError(f"{len(matches)} pictures of {folder.path} are called {key}: write CLASS/{stem}")
    number = whole_number(key)
    if number is not None and number < len(folder.files):
        return folder.files[number]
    first = folder.files[0][0].stem
    raise SpecError(
        f"folder {folder.path} has no picture {key!r}: give a file stem such as {first}, or an index"
        f" from 0 to {len(folder.files) - 1}"
    )


def sample(path: str, key: str, view: View | None = None) -> Sample:
    """One picture of a folder."""
    folder = open_folder(path)
    file, label = find(folder, key)
    return read(folder, file, label, view)


def read(folder: Folder, file: Path, label: int, view: View | None = None) -> Sample:
    """A listed file as a sample."""
    found = read_image(file, view=view)
    key = f"{file}{view or ''}"
    return Sample(
        f"folder:{folder.path}", key, found.pixels, label, folder.class_names, found.notices, found.part, found.shown
    )
