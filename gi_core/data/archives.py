"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 as torchvision lays them out, read without torch."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.common.paths import data_home
from gi_core.data.types import Sample
from gi_core.settings.documents import whole_number
from gi_core.tensor_files.pickled_arrays import Shell
from gi_core.tensor_files.unpickling import unpickle

Split = Literal["train", "test"]
MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class DataSet:
    """title: as people write it. folder: under GI_DATA. sizes: pictures per split."""

    title: str
    folder: str
    channels: int
    side: int
    class_names: tuple[str, ...]
    sizes: dict[str, int]


_DIGITS = tuple("0123456789")
_CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

DATA_SETS: dict[str, DataSet] = {
    "mnist": DataSet("MNIST", "MNIST/raw", 1, 28, _DIGITS, {"train": 60000, "test": 10000}),
    "fashion_mnist": DataSet("Fashion-MNIST", "FashionMNIST/raw", 1, 28, _CLOTHES, {"train": 60000, "test": 10000}),
    "cifar10": DataSet("CIFAR-10", "cifar-10-batches-py", 3, 32, _THINGS, {"train": 50000, "test": 10000}),
    "cifar100": DataSet("CIFAR-100", "cifar-100-python", 3, 32, (), {"train": 50000, "test": 10000}),
}


def missing(name: str) -> str:
    """What to do where the data set is not on this machine."""
    return f"{DATA_SETS[name].title} is not on this machine: run python -m gi_core fetch {name}"


def files(name: str, split: Split) -> list[Path]:
    """The files that hold a split; an MNIST file may be there with .gz or without."""
    folder = data_home() / DATA_SETS[name].folder
    if name == "cifar10":
        names = [f"data_batch_{k}" for k in range(1, 6)] if split == "train" else ["test_batch"]
        return [folder / n for n in names]
    if name == "cifar100":
        return [folder / split, folder / "meta"]
    stem = "train" if split == "train" else "t10k"
    plain = [folder / f"{stem}-images-idx3-ubyte", folder / f"{stem}-labels-idx1-ubyte"]
    return [p if p.is_file() else p.with_name(p.name + ".gz") for p in plain]


def available(name: str, split: Split = "test") -> bool:
    """Whether the split's files are on this machine."""
    return all(path.is_file() for path in files(name, split))


def read(name: str, split: Split) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """images uint8 (M, H, W) or (M, H, W, 3), labels int64 (M,), class names. Never downloads."""
    if not available(name, split):
        raise SpecError(missing(name))
    return _read(name, split, tuple(files(name, split)))


@lru_cache(maxsize=2)
def _read(name: str, split: Split, paths: tuple[Path, ...]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    names = DATA_SETS[name].class_names
    try:
        if name == "cifar100":
            names = tuple(n.decode() if isinstance(n, bytes) else n for n in _unpickle(paths[1])["fine_label_names"])
            images, labels = _cifar(paths[:1], "fine_labels")
        elif name == "cifar10":
            images, labels = _cifar(paths, "labels")
        else:
            images, labels = _idx(paths[0]), _idx(paths[1])
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
        raise SpecError(
            f"the files of {DATA_SETS[name].title} in {paths[0].parent} are damaged: delete them and run"
            f" python -m gi_core fetch {name}"
        ) from None
    return images, labels.astype(np.int64), names


def _idx(path: Path) -> np.ndarray:
    """An IDX file of bytes: 0, 0, 8, dimensions, sizes as big-endian int32, values."""
    content = _content(path)
    if content[:3] != b"\0\0\x08":
        raise ValueError("not an IDX file of bytes")
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(tuple(shape))


def _unpickle(path: Path) -> dict:
    """The dictionary of a CIFAR file, which is a pickle: it is read by `tensor_files.unpickling`, and nothing of it is run."""
    found = unpickle(_content(path), path.name, bytes_as_names=True)
    if not isinstance(found, dict):
        raise ValueError("no dictionary")
    return found


def _content(path: Path) -> bytes:
    """All of a file, unpacked; no data set's is larger."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError("larger than any file of these data sets")
    return content


def _cifar(paths: tuple[Path, ...], key: str) -> tuple[np.ndarray, np.ndarray]:
    parts = [_unpickle(path) for path in paths]
    images = np.concatenate([_array(p["data"]).reshape(-1, 3, 32, 32) for p in parts])
    labels = [label for part in parts for label in part[key]]
    if not all(type(label) is int for label in labels):
        raise ValueError("labels that are no numbers")
    return images.transpose(0, 2, 3, 1), np.asarray(labels, np.int64)


def _array(held: object) -> np.ndarray:
    value = held.value if isinstance(held, Shell) else held
    if not isinstance(value, np.ndarray):
        raise ValueError("no pixels")
    return value


def sample(name: str, split: Split, index: str) -> Sample:
    """One picture of a split. Raises SpecError."""
    size = DATA_SETS[name].sizes[split]
    k = whole_number(index)
    if k is None or k >= size:
        raise SpecError(f"{name} has no picture {index!r}: give an index from 0 to {size - 1}")
    images, labels, names = read(name, split)
    if k >= len(images):
        raise SpecError(f"{name} here has only {len(images)} pictures: give an index from 0 to {len(images) - 1}")
    return Sample(name, f"{split}:{k}", np.ascontiguousarray(images[k]), int(labels[k]), names)
