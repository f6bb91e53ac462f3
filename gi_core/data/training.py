"""Labelled pictures to train a network on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.common.paths import user_path
from gi_core.data import archives, bundled, folders
from gi_core.data.images import fit
from gi_core.data.loading import load
from gi_core.data.opening import read_image
from gi_core.settings import losses
from gi_core.settings.experiment import Experiment

MAX_TRAINING_BYTES = 512 * 2**20
CROPS = 100 * len(bundled.PICTURES)
Images = np.ndarray | Sequence[np.ndarray | Path]
TrainingSet = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def training_set(name: str | None, experiment: Experiment) -> TrainingSet:
    """(images, labels, test images, test labels): uint8 (M, C, H, W), int64 (M,), fitted to the
    experiment's size and channels.

    name: mnist, fashion_mnist, cifar10, cifar100, bundled (crops of the bundled pictures), faces,
    npz:FILE (keys images, labels), folder:PATH, or None for the experiment's own source. A source
    without a test split gives every tenth picture of each class. Raises SpecError.
    """
    pictures = load(experiment)
    channels, shape = pictures.images.shape[1], (pictures.images.shape[2], pictures.images.shape[3])
    name = name or pictures.source
    images, labels, test = _raw(name, shape, channels)
    highest = max(labels.max(initial=0), test[1].max(initial=0) if test else 0)
    if experiment.model.one_logit:
        classes = int(highest) + 1
        labels = _one_logit(labels, classes)
        test = (test[0], _one_logit(test[1], classes)) if test else None
    elif highest >= pictures.classes:
        raise SpecError(
            f"{name} has labels up to {highest}, the network only {pictures.classes} classes:"
            f" set model.classes={highest + 1}"
        )
    if test is None:
        held = _held_out(labels)
        test = [images[k] for k in held], labels[held]
        rest = np.setdiff1d(np.arange(len(labels)), held)
        images, labels = [images[k] for k in rest], labels[rest]
    room = max(1, MAX_TRAINING_BYTES // (channels * shape[0] * shape[1]))
    return (*_fit_all(images, labels, shape, channels, room), *_fit_all(*test, shape, channels, room // 5 + 1))


def _one_logit(labels: np.ndarray, classes: int) -> np.ndarray:
    """Labels of a network of one output."""
    return np.asarray([losses.binary(int(k), classes) for k in labels], np.int64) if classes > 2 else labels


def _fit_all(
    images: Images, labels: np.ndarray, shape: tuple[int, int], channels: int, room: int
) -> tuple[np.ndarray, np.ndarray]:
    """At most `room` pictures, evenly spaced, so that a large size cannot fill the memory."""
    chosen = np.linspace(0, len(labels) - 1, min(room, len(labels))).astype(int)
    out = np.empty((len(chosen), channels, *shape), np.uint8)
    for row, k in enumerate(chosen):
        picture = images[k]
        pixels = read_image(picture).pixels if isinstance(picture, Path) else picture
        out[row] = fit(pixels, shape, channels)
    return out, labels[chosen].astype(np.int64)


def _held_out(labels: np.ndarray) -> np.ndarray:
    """Every tenth picture of each class, at least one of a class that has two."""
    chosen: list[int] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen.extend(members[len(members) // 2 :: 10] if len(members) < 10 else members[::10])
        if len(members) == 1:
            chosen.pop()
    if not chosen:
        raise SpecError("the training pictures are too few to hold some out: give two of a class at least")
    return np.sort(np.asarray(chosen))


def _raw(
    name: str, shape: tuple[int, int], channels: int
) -> tuple[Images, np.ndarray, tuple[Images, np.ndarray] | None]:
    """(images, labels, (test images, test labels) or None); an image is an array or a path. shape, channels: that they will have."""
    if name in archives.DATA_SETS:
        train, test = archives.read(name, "train"), archives.read(name, "test")
        return train[0], train[1], (test[0], test[1])
    if name == "bundled":
        return *_crops(0, CROPS, shape, channels), _crops(7, CROPS // 5, shape, channels)
    if name == "faces":
        return bundled.faces(), (np.arange(bundled.FACES) >= bundled.FACES // 2).astype(np.int64), None
    if name.startswith("npz:"):
        return *_npz(name.removeprefix("npz:")), None
    if name.startswith("folder:"):
        folder = folders.open_folder(name.removeprefix("folder:"))
        return [f for f, _ in folder.files], np.asarray([label for _, label in folder.files]), None
    if name in ("file", "upload"):
        raise SpecError("a single picture has no data set to train on: set weights.data, for instance to bundled")
    raise SpecError(
        f"there is no training data {name!r}: write mnist, fashion_mnist, cifar10, cifar100, bundled, faces,"
        " npz:FILE or folder:PATH"
    )


@lru_cache(maxsize=8)
def _crops(seed: int, count: int, shape: tuple[int, int], channels: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Crops at their size, kept: to cut and shrink them takes seconds, and trainings that are compared share them."""
    crops = [bundled.crop(k, 100 + seed) for k in range(count)]
    fitted = [fit(pixels, shape, channels).transpose(1, 2, 0) for pixels, _ in crops]
    return [pixels[..., 0] if channels == 1 else pixels for pixels in fitted], np.asarray([label for _, label in crops])


def _npz(path: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(user_path(path), allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
    except SpecError:
        raise
    except FileNotFoundError:
        raise SpecError(f"there is no file {path} to train on") from None
    except Exception:  # zip and npy readers raise many kinds on damaged files
        raise SpecError(f"cannot read {path}: give an npz file with arrays images (uint8) and labels") from None
    fits = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    if (
        not fits
        or images.dtype != np.uint8
        or labels.shape != (len(images),)
        or labels.dtype.kind not in "iu"
        or not len(images)
    ):
        raise SpecError(f"{path} needs images of uint8, N x H x W or N x H x W x 3, and one whole label for each")
    if int(labels.min()) < 0:
        raise SpecError(f"{path} has negative labels: count classes from 0")
    return images[..., 0] if images.ndim == 4 and images.shape[3] == 1 else images, labels.astype(np.int64)
