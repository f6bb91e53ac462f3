"""One file of a round as plain arrays {name: float32}: its content says of which format, and values must be finite."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.common.paths import user_path
from gi_core.common.uploads import upload_path
from gi_core.common.vetting import vetted
from gi_core.common.zips import contents, unpacked
from gi_core.tensor_files.asides import NOTHING, aside
from gi_core.tensor_files.naming import LEAVES
from gi_core.tensor_files.npz import MOST_BYTES, read_npz
from gi_core.tensor_files.pickled_arrays import Shell
from gi_core.tensor_files.safetensors import is_safetensors, read_safetensors


def path_of(reference: str) -> tuple[Path, str]:
    """(file, what a person calls it) of a path or `upload:SHA256`. Raises SpecError."""
    if reference.startswith("upload:"):
        return upload_path(reference), f"the uploaded file {reference[7:15]}…"
    path = user_path(reference)
    return path, path.name


def is_torch(path: Path) -> bool:
    """Whether this is a zip as torch.save writes it: its table of contents names a data.pkl."""
    try:
        return any(entry.filename.endswith("data.pkl") for entry in contents(path, path.name))
    except SpecError:
        return False


def read_arrays(path: Path, name: str, finite: bool = True) -> tuple[dict[str, np.ndarray], bool]:
    """(float32 arrays by name, whether they come in the order in which they were saved) of an `.npz` or safetensors.

    Raises SpecError for anything else, and where a value is not finite unless that is allowed.
    """
    head, size = _head(path, name)
    whole = unpacked(path, name) if head.startswith(b"PK") else size
    vetted(path, name, lambda: _read(path, name, head, size), whole)
    values, ordered = _read(path, name, head, size)
    return as_numbers(values, name, finite), ordered


def _read(path: Path, name: str, head: bytes, size: int) -> tuple[dict[str, object], bool]:
    if head.startswith(b"PK"):
        return read_npz(path, name), True
    if is_safetensors(head, size):
        return read_safetensors(path, name), False  # it sorts them by their kind and name
    raise SpecError(f"{name} is no file of arrays, or is cut off: give .npz as numpy.savez writes it, or .safetensors")


def _head(path: Path, name: str) -> tuple[bytes, int]:
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) and status.st_size):
            raise SpecError(f"{name} is no file, or an empty one: give .npz or .safetensors")
        if status.st_size > MOST_BYTES:
            raise SpecError(f"{name} is larger than {MOST_BYTES / 2**30:.0f} GiB: give a smaller file")
        with open(path, "rb") as file:
            return file.read(9), status.st_size
    except OSError as error:
        raise SpecError(f"cannot read {name}: {error.strerror or error}") from None


def as_numbers(values: dict[str, object], name: str, finite: bool = True) -> dict[str, np.ndarray]:
    """Each value as a float32 array: a plain number without dimensions, a short text as `NOTHING`.

    A single value may be anything, as it may be no tensor. Raises SpecError.
    """
    found: dict[str, np.ndarray] = {}
    total = 0
    for key, value in values.items():
        value = value.value if isinstance(value, Shell) else value  # an array that a pickle described
        foreign = f"{name} holds something other than numbers under {key[:60]!r}: save arrays only"
        single = aside(value)
        if single and (isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating))):
            value = NOTHING
        if not single and not isinstance(value, np.ndarray):
            raise SpecError(foreign)
        total += 4 * getattr(value, "size", 1)
        if total > MOST_BYTES:
            raise SpecError(f"{name} unpacks to more than {MOST_BYTES / 2**30:.0f} GiB: give a smaller file")
        try:
            with np.errstate(over="ignore"):
                array = np.array(value, dtype=np.float32, order="C")
        except (OverflowError, ValueError, TypeError):
            if not single:
                raise SpecError(foreign) from None
            array = NOTHING
        if finite and (array.size > 1 or key.rpartition(".")[2] in LEAVES):  # a loss may be anything
            refuse_nonfinite({key: array}, name)
        found[key] = array
    if found and not any(array.size for array in found.values()):
        raise SpecError(f"{name} holds texts or objects, not numbers: save arrays of numbers")
    if not found:
        raise SpecError(f"{name} is empty: give a file with arrays in it")
    return found


def refuse_nonfinite(values: dict[str, np.ndarray], name: str) -> None:
    """Raises SpecError for values that are not finite."""
    for key, array in values.items():
        if not np.isfinite(array).all():
            raise SpecError(
                f"{name} holds values that are not finite in {key[:60]}: a real update has none, record it again"
            )
