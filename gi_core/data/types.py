"""What the data room hands on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Pictures:
    """The private pictures of one client.

    images: float32 (N, C, H, W) in [0, 1]. labels: int64 (N,). classes: how many the network tells
    apart. source: family, such as "mnist", "bundled", "folder:PATH". mean, std: (C,) of the input
    normalisation (x - mean) / std; zeros and ones for none. notices: what was done to the pictures.
    prior: (C, H, W) in [0, 1], a picture that the server takes to be like them, if the attack asks for one.
    known: whether these are the private pictures; else placeholders of their shape, never compared with.
    labelled: whether the labels are the pictures' own, so that others may be compared with them.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: int
    class_names: tuple[str, ...]
    source: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    notices: tuple[str, ...] = ()
    prior: np.ndarray | None = None
    known: bool = True
    labelled: bool = True


@dataclass(frozen=True)
class Sample:
    """One picture as found: `pixels` uint8 (H, W) or (H, W, 3), as its reference asks for it, before it is fitted.

    key: equal for equal pictures of a family. label: None where the source has no classes. notices: what was done to a
    file while it was read. written: (width, height) in the file, of a person's own file, of which everything that is done is said.
    shown: (low, high) of the file's values that are black and white, where they are not eight bits as they are.
    """

    family: str
    key: str
    pixels: np.ndarray
    label: int | None = None
    class_names: tuple[str, ...] = ()
    notices: tuple[str, ...] = field(default=())
    written: tuple[int, int] | None = None
    shown: tuple[float, float] | None = None


@dataclass(frozen=True)
class SampleInfo:
    """A sample that a form can offer. thumbnail: file name under assets/samples, or empty.
    missing: what to do where it is not available.
    """

    ref: str
    title: str
    group: str
    label: int | None
    class_name: str
    available: bool = True
    missing: str = ""
    thumbnail: str = ""
