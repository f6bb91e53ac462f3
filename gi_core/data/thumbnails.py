"""Small pictures of the bundled samples for pages: `python -m gi_core.data.thumbnails`.

They are committed under assets/samples, so that a page shows them without opening the originals.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from gi_core.common.paths import studio
from gi_core.data import bundled
from gi_core.data.images import channels_of, fit
from gi_core.data.offers import SHOWN_FACES

SIDE = 96
FOLDER = studio() / "assets" / "samples"


def thumbnails() -> dict[str, np.ndarray]:
    """File name -> uint8 (96, 96) or (96, 96, 3); faces are enlarged without smoothing."""
    found = {f"{name}.png": _square(bundled.picture(name)) for name in bundled.PICTURES}
    for k in SHOWN_FACES:
        enlarged = Image.fromarray(bundled.faces()[k]).resize((SIDE, SIDE), Image.Resampling.NEAREST)
        found[f"faces-{k}.png"] = np.asarray(enlarged)
    return found


def _square(pixels: np.ndarray) -> np.ndarray:
    channels = channels_of(pixels)
    fitted = fit(pixels, SIDE, channels)
    return fitted[0] if channels == 1 else fitted.transpose(1, 2, 0)


def main() -> None:
    """Write all thumbnails."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, pixels in thumbnails().items():
        Image.fromarray(np.ascontiguousarray(pixels)).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
