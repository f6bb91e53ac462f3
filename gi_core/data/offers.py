"""What a form can offer, and what a browser may name."""

from __future__ import annotations

from pathlib import Path

from gi_core.common.errors import SpecError
from gi_core.common.paths import data_home
from gi_core.common.uploads import SHA256
from gi_core.data import archives, bundled, folders
from gi_core.data.types import SampleInfo
from gi_core.data.views import split

SHOWN_FACES = (0, 1, 2, 3, 100)
SHOWN_OF_DATA_SET = 12


def catalogue() -> list[SampleInfo]:
    """Samples in the order in which a person should see them: bundled ones first."""
    return [*_bundled(), *_data_sets(), *_own_folders()]


def _bundled() -> list[SampleInfo]:
    found = [
        SampleInfo(f"bundled/{name}", title, group, label, name, thumbnail=f"{name}.png")
        for label, (name, (title, group, _)) in enumerate(bundled.PICTURES.items())
    ]
    for k in SHOWN_FACES:
        label = int(k >= bundled.FACES // 2)
        title = f"{('Face', 'No face')[label]} {k}"
        found.append(
            SampleInfo(
                f"bundled/faces:{k}", title, "Faces", label, bundled.FACE_NAMES[label], thumbnail=f"faces-{k}.png"
            )
        )
    return found


def _data_sets() -> list[SampleInfo]:
    found = []
    for name, data_set in archives.DATA_SETS.items():
        if not archives.available(name):
            found.append(
                SampleInfo(f"{name}:0", data_set.title, data_set.title, None, "", False, archives.missing(name))
            )
            continue
        try:
            _, labels, names = archives.read(name, "test")
        except SpecError as error:
            found.append(SampleInfo(f"{name}:0", data_set.title, data_set.title, None, "", False, str(error)))
            continue
        for k, label in enumerate(labels[:SHOWN_OF_DATA_SET].tolist()):
            found.append(SampleInfo(f"{name}:{k}", f"{data_set.title} {k}", data_set.title, label, names[label]))
    return found


def _own_folders() -> list[SampleInfo]:
    """Folders of class sub-folders that stand under GI_DATA."""
    known = {data_set.folder.split("/")[0] for data_set in archives.DATA_SETS.values()} | {"weights"}
    root, found = data_home(), []
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if not path.is_dir() or path.name in known or path.name.startswith("."):
            continue
        try:
            folder = folders.open_folder(str(path))
        except SpecError:
            continue  # not a folder of class sub-folders
        for k, (_, label) in enumerate(folder.files[:SHOWN_OF_DATA_SET]):
            found.append(
                SampleInfo(f"folder:{path}:{k}", f"{path.name} {k}", path.name, label, folder.class_names[label])
            )
    return found


def browser_allowed(ref: str) -> bool:
    """Whether a browser may name this sample, training data or weights file: bundled data, data sets
    and folders under GI_DATA, uploads by hash; never a free path.
    """
    try:
        ref, _ = split(ref)
    except SpecError:
        return False
    if ref in (*archives.DATA_SETS, "bundled", "faces") or ref.startswith("bundled/"):
        return True
    if ref.startswith("upload:"):
        return bool(SHA256.fullmatch(ref.removeprefix("upload:")))
    if ref.split(":")[0].split("/")[0] in archives.DATA_SETS and ":" in ref:
        return True
    if ref.startswith("npz:"):
        return _inside(ref.removeprefix("npz:"))
    if ref.startswith("folder:"):
        # with a key or without: as it stands, and as far as the last colon
        path = ref.removeprefix("folder:")
        return _inside(path) and (":" not in path or _inside(path.rpartition(":")[0]))
    return False


def _inside(path: str) -> bool:
    try:
        return Path(path).expanduser().resolve().is_relative_to(data_home().resolve())
    except (OSError, ValueError, RuntimeError):
        return False
