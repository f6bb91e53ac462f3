"""Pictures that come with scikit-image's wheel: no network, and no import of scikit-image.

`lfw_subset.npy` holds 100 faces and 100 non-faces of 25x25 grey pixels. `patient` is a retina
photograph with a made-up name and date of birth burnt in.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gi_core.common.errors import SpecError
from gi_core.data.opening import read_image
from gi_core.data.types import Sample
from gi_core.settings.documents import whole_number
from gi_core.settings.registry import suggestion

PICTURES: dict[str, tuple[str, str, str]] = {  # name -> (title, group, file)
    "astronaut": ("Astronaut", "Photographs", "astronaut.png"),
    "chelsea": ("Cat", "Photographs", "chelsea.png"),
    "coffee": ("Coffee", "Photographs", "coffee.png"),
    "rocket": ("Rocket", "Photographs", "rocket.jpg"),
    "patient": ("Patient record", "Medical", "retina.jpg"),
    "retina": ("Retina", "Medical", "retina.jpg"),
    "ihc": ("Tissue section", "Medical", "ihc.png"),
    "cell": ("Cell", "Medical", "cell.png"),
    "phantom": ("Head phantom", "Medical", "phantom.png"),
    "page": ("Scanned page", "Documents", "page.png"),
    "text": ("Handwriting", "Documents", "text.png"),
}
MEDICAL_SIDES = {"retina": 1411, "ihc": 512, "patient": 512, "phantom": 400}
"""Side in pixels of the medical pictures that are square and large enough to be cropped."""
CLASS_NAMES = tuple(PICTURES)
FACE_NAMES = ("face", "no face")
FACES = 200
PATIENT_NAME, PATIENT_BORN = "JANE ROE", "*07.04.61"
PATIENT_BANDS = ((0.0, 0.2), (0.8, 1.0))
"""Where the name and the date of birth are burnt in: from and to, in shares of the height, over the whole width."""


def data_folder() -> Path:
    """Where scikit-image keeps its pictures. Raises SpecError where the package is missing."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise SpecError("the bundled pictures come with scikit-image: install requirements.txt")
    return Path(spec.submodule_search_locations[0]) / "data"


@lru_cache(maxsize=16)
def picture(name: str) -> np.ndarray:
    """A bundled picture as uint8 (H, W) or (H, W, 3)."""
    pixels = read_image(data_folder() / PICTURES[name][2], f"bundled/{name}").pixels
    return _burn_in(pixels) if name == "patient" else pixels


@lru_cache(maxsize=1)
def faces() -> np.ndarray:
    """uint8 (200, 25, 25): faces, then non-faces."""
    values = np.load(data_folder() / "lfw_subset.npy", allow_pickle=False)
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _burn_in(pixels: np.ndarray, side: int = 512) -> np.ndarray:
    """Name and date of birth in large letters, so that they stay readable at 64 pixels."""
    image = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    for text, (top, bottom) in zip((PATIENT_NAME, PATIENT_BORN), PATIENT_BANDS, strict=True):
        draw.rectangle((0, int(top * side), side, int(bottom * side)), fill="black")
        font = ImageFont.load_default(0.2 * side)
        left, _, right, _ = draw.textbbox((0, 0), text, font=font)
        font = ImageFont.load_default(0.2 * side * min(1.0, 0.94 * side / (right - left)))
        draw.text((side / 2, (top + 0.1) * side), text, fill="white", font=font, anchor="mm")
    return np.asarray(image)


def sample(name: str, index: str | None) -> Sample:
    """`bundled/NAME[:INDEX]`. Raises SpecError that names the nearest."""
    if name == "faces":
        number = index if index is not None else "0"
        k = whole_number(number)
        if k is None or k >= FACES:
            raise SpecError(f"bundled/faces:{number} does not exist: give an index from 0 to {FACES - 1}")
        return Sample("faces", str(k), faces()[k], int(k >= FACES // 2), FACE_NAMES)
    if name not in PICTURES:
        raise SpecError(f"there is no bundled picture {name!r}: {suggestion(name, (*PICTURES, 'faces'))}")
    if index not in (None, "0"):
        raise SpecError(f"bundled/{name} is one picture: leave out :{index}")
    return Sample("bundled", name, picture(name), CLASS_NAMES.index(name), CLASS_NAMES)


def crop(number: int, seed: int) -> tuple[np.ndarray, int]:
    """Crop `number` of the labelled crops data set: (pixels, label), the same for equal arguments.

    A square of 45 to 100 % of the shorter side, anywhere, mirrored half of the time; labels go
    round, so any run of crops is balanced.
    """
    label = number % len(CLASS_NAMES)
    pixels = picture(CLASS_NAMES[label])
    draw = np.random.default_rng((seed, number))
    side = int(min(pixels.shape[:2]) * draw.uniform(0.45, 1.0))
    top = int(draw.integers(0, pixels.shape[0] - side + 1))
    left = int(draw.integers(0, pixels.shape[1] - side + 1))
    square = pixels[top : top + side, left : left + side]
    return (square[:, ::-1] if draw.random() < 0.5 else square), label
