"""theta_0, theta_T - theta_0 and the running statistics of theta_T, written as the published trio of files.

Nothing but numpy and the standard library is needed, so that recorders run where there is no torch.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gi_core.common.whole_files import replace

Arrays = Mapping[str, np.ndarray]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16",
    "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


def write_round(folder: Path, before: Arrays, change: Arrays, *, name: str, pickled: bool = False) -> dict[str, Path]:
    """Files of one client's round, each there whole or not at all: {checkpoint, update, statistics}.

    before: the global network's state dict. change: local - global for every entry that was sent, counters and
    running statistics included. name: of the round, part of the file names. The checkpoint is
    `NAME_global.safetensors`, the update `updates_NAME.npz` with a member for each tensor, the statistics
    (before + change where the name has `running`; only if the change has such) `batchnorm_NAME.npz`. pickled: the
    published schema, one dictionary in each `.npz` and `NAME_global.pt`, which needs torch. Raises ValueError.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a round is named by letters, digits, dots, dashes and underscores, not {name!r}")
    unknown = [key for key in change if key not in before]
    if unknown:
        raise ValueError(f"the change has {len(unknown)} entries that the network has not, such as {unknown[0]!r}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    before = {key: np.asarray(value) for key, value in before.items()}
    change = {key: _single(value) for key, value in change.items()}
    write = _write_pickled if pickled else write_npz
    files = {"checkpoint": folder / f"{name}_global{'.pt' if pickled else '.safetensors'}"}
    (_write_torch if pickled else write_safetensors)(files["checkpoint"], before)
    files["update"] = folder / f"updates_{name}.npz"
    write(files["update"], change, "weights")
    running = {key: after(before[key], change[key]) for key in change if "running" in key}
    if running:
        files["statistics"] = folder / f"batchnorm_{name}.npz"
        write(files["statistics"], running, "batchnorm")
    return files


def after(before: np.ndarray, change: np.ndarray) -> np.ndarray:
    """before + change, added in double precision: what the client had, to the last bit but one."""
    return (np.asarray(before, np.float64) + np.asarray(change, np.float64)).astype(np.float32)


def write_npz(path: Path, arrays: Arrays, member: str = "") -> None:
    """A member for each array, no pickle. Raises ValueError for what is no array of numbers."""

    def fill(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for key, value in arrays.items():
                with archive.open(f"{key}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asarray(value), allow_pickle=False)

    replace(path, fill)


def write_safetensors(path: Path, arrays: Arrays) -> None:
    """The safetensors format: length of the header (8 bytes), header (JSON), values in little-endian order."""
    header: dict[str, Any] = {}
    values, end = [], 0
    for key, value in arrays.items():
        array = np.ascontiguousarray(value).reshape(np.shape(value))  # the former makes a scalar a vector
        if array.dtype.name not in _TYPES:
            raise ValueError(f"{key} holds {array.dtype} values, which safetensors has no name for")
        values.append(array.astype(array.dtype.newbyteorder("<"), copy=False))
        header[key] = {
            "dtype": _TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [end, end + array.nbytes],
        }  # fmt: skip
        end += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)

    def fill(file: BinaryIO) -> None:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in values:
            file.write(array.tobytes())

    replace(path, fill)


def _write_pickled(path: Path, arrays: Arrays, member: str) -> None:
    """One member: a dictionary as an object array without dimensions; counters as numpy scalars, as published."""
    held = {key: np.asarray(value)[()] for key, value in arrays.items()}
    replace(path, lambda file: np.savez(file, **{member: np.array(held, dtype=object)}))  # type: ignore[arg-type]  # numpy's stub takes it for allow_pickle


def _write_torch(path: Path, arrays: Arrays) -> None:
    import torch

    state = {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}
    replace(path, lambda file: torch.save({"model": state}, file))


def _single(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype != np.float32 else array
