"""The pictures of a claim: the published ones where they are here, else bundled ones that are called so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gi_core.common.errors import SpecError
from gi_core.data import archives, bundled, folders
from gi_core.reproductions.claims import TITLES, Pictures

GREY: tuple[Pictures, ...] = ("mnist", "lfw", "chest_xrays")
"""Whose stand-ins are grey: bundled faces. The others' are crops of bundled photographs."""
_CROP, _STEP = 96, 64
_PHOTOGRAPHS = {
    "astronaut": (512, 512), "chelsea": (451, 300), "coffee": (600, 400), "rocket": (640, 427), "ihc": (512, 512),
    "retina": (1411, 1411),
}  # fmt: skip
"""Width and height of the bundled colour pictures."""


@dataclass(frozen=True)
class Chosen:
    """own: whether these are the pictures of the publication. title: what they are. labels: None for the pictures' own."""

    own: bool
    title: str
    refs: tuple[str, ...]
    labels: tuple[int, ...] | None


def chosen(kind: Pictures, count: int, classes: int, given: Mapping[str, str] | None = None) -> Chosen:
    """The first `count` pictures of a kind.

    given: kind -> folder of class sub-folders that holds the published pictures. Raises SpecError: a folder that cannot be read
    or has fewer, or a name that is no kind.
    """
    for name in given or {}:
        if name not in TITLES:
            raise SpecError(f"no claim asks for pictures {name!r}: choose {', '.join(TITLES)}")
    folder = (given or {}).get(kind)
    if folder is not None:
        held = folders.open_folder(folder)
        if len(held.files) < count:
            raise SpecError(f"folder {folder} has {len(held.files)} pictures of {TITLES[kind]}, {count} are asked for")
        refs = tuple(f"folder:{folder}:{held.class_names[label]}/{path.stem}" for path, label in held.files[:count])
        return Chosen(True, f"{TITLES[kind]}, the first {count} of folder {Path(folder).name}", refs, None)
    if kind in archives.DATA_SETS and archives.available(kind):
        return Chosen(
            True, f"{TITLES[kind]}, test pictures 0 to {count - 1}", tuple(f"{kind}:{i}" for i in range(count)), None
        )
    labels = tuple(i % classes for i in range(count))
    if kind in GREY:
        if count > bundled.FACES:
            raise SpecError(
                f"{count} pictures of {TITLES[kind]} are not here, and only {bundled.FACES} are bundled in their place"
            )
        return Chosen(False, "bundled grey faces", tuple(f"bundled/faces:{i}" for i in range(count)), labels)
    crops = _crops()
    if count > len(crops):
        raise SpecError(
            f"{count} pictures of {TITLES[kind]} are not here, and only {len(crops)} are bundled in their place"
        )
    return Chosen(False, "crops of bundled photographs", crops[:count], labels)


def trained_on(kind: Pictures, given: Mapping[str, str] | None = None) -> str:
    """Data set that a network of this kind of pictures is trained on, as a federation names it: `chosen`'s source."""
    folder = (given or {}).get(kind)
    if folder is not None:
        return f"folder:{folder}"
    if kind in archives.DATA_SETS and archives.available(kind):
        return kind
    return "faces" if kind in GREY else "bundled"


def _crops() -> tuple[str, ...]:
    """Squares of the photographs, one of each in turn, so that the first few are of different photographs."""
    rows = [
        [
            f"bundled/{name}#crop={_CROP}x{_CROP}+{x}+{y}"
            for y in range(0, height - _CROP + 1, _STEP)
            for x in range(0, width - _CROP + 1, _STEP)
        ]
        for name, (width, height) in _PHOTOGRAPHS.items()
    ]
    longest = max(map(len, rows))
    return tuple(row[i] for i in range(longest) for row in rows if i < len(row))
