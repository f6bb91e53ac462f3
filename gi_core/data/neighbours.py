"""The pictures that come after one of the same source, for a client that has more of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gi_core.common.errors import SpecError
from gi_core.data import archives, bundled, folders
from gi_core.data.refs import split_folder
from gi_core.data.views import bare

_COUNTED = re.compile(r"(?P<source>bundled/faces|(?P<set>[a-z0-9_]+)(?:/(?P<split>train|test))?):(?P<index>\d{1,19})")
HALF = bundled.FACES // 2
"""The first half of the bundled faces are faces, the second half are not."""


def more(samples: tuple[str, ...], count: int) -> tuple[str, ...]:
    """`count` references: those given, or the first of them, then the ones that follow the last. Raises SpecError.

    Faces and non-faces by turns after a face, the next index of a data set, the next file of a folder, another bundled
    picture; round from the end to the start, none of them twice.
    """
    if count <= len(samples):
        return samples[:count]
    taken = list(samples)
    for ref in _following(bare(samples[-1])):
        if len(taken) == count:
            break
        if ref not in taken:
            taken.append(ref)
    if len(taken) < count:
        raise SpecError(f"{samples[-1]} has not {count} pictures of its kind: choose a data set, or a smaller batch")
    return tuple(taken)


def _following(ref: str) -> Iterator[str]:
    """References after `ref`, each once, itself last."""
    match = _COUNTED.fullmatch("bundled/faces:0" if ref == "bundled/faces" else ref)
    if match and match["source"] == "bundled/faces":
        # A face, a non-face, the next face: a batch of one class would show less than one of both.
        at = 2 * (int(match["index"]) % HALF) + int(match["index"]) // HALF
        for place in (*range(at + 1, bundled.FACES), *range(at + 1)):
            yield f"bundled/faces:{place // 2 + HALF * (place % 2)}"
    elif match and match["set"] in archives.DATA_SETS:
        size = archives.DATA_SETS[match["set"]].sizes[match["split"] or "test"]
        for step in range(1, size + 1):
            yield f"{match['source']}:{(int(match['index']) + step) % size}"
    elif ref.startswith("folder:"):
        yield from _in_folder(*split_folder(ref))
    elif ref.startswith("bundled/"):
        names = list(bundled.PICTURES)
        at = names.index(ref.removeprefix("bundled/").partition(":")[0])
        yield from (f"bundled/{name}" for name in (*names[at + 1 :], *names[: at + 1]))


def _in_folder(path: str, key: str) -> Iterator[str]:
    """The next files, in order of file name, by class and stem."""
    folder = folders.open_folder(path)
    at = folder.files.index(folders.find(folder, key))
    for file, label in (*folder.files[at + 1 :], *folder.files[: at + 1]):
        yield f"folder:{path}:{folder.class_names[label]}/{file.stem}"
