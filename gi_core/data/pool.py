"""Pictures among which a reconstruction has to find its own (identifiability)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.data import archives, bundled, folders
from gi_core.data.images import fit, to_float
from gi_core.data.loading import geometry
from gi_core.data.refs import resolve
from gi_core.data.types import Sample
from gi_core.settings.experiment import Experiment

_CANDIDATE_SEED = 1


def candidates(experiment: Experiment, count: int = 200) -> np.ndarray:
    """The pictures among which a reconstruction is identified: float32 (M, C, H, W) in [0, 1], M <= max(count, N).

    The first N are the experiment's own; then others of the same source; then the bundled pictures
    and crops of them. No other picture equals one of the experiment's.
    """
    own = [resolve(ref) for ref in experiment.samples]
    shape, channels = geometry(experiment, own)
    chosen = [fit(s.pixels, shape, channels) for s in own]
    seen = {picture.tobytes() for picture in chosen}
    keys = {s.key for s in own}
    for pixels in _others(own[0], keys, count):
        if len(chosen) >= count:
            break
        picture = fit(pixels, shape, channels)
        if picture.tobytes() not in seen:
            seen.add(picture.tobytes())
            chosen.append(picture)
    return to_float(np.stack(chosen))


def _others(first: Sample, keys: set[str], count: int) -> Iterator[np.ndarray]:
    if first.family in archives.DATA_SETS:
        split = first.key.split(":")[0]
        images, _, _ = archives.read(first.family, "train" if split == "train" else "test")
        yield from (np.ascontiguousarray(image) for image in images[: count + len(keys)])
    elif first.family == "faces":
        yield from bundled.faces()
    elif first.family.startswith("folder:"):
        folder = folders.open_folder(first.family.removeprefix("folder:"))
        for file, label in folder.files[: 2 * count]:
            if str(file) not in keys:
                try:
                    yield folders.read(folder, file, label).pixels
                except SpecError:
                    continue  # one damaged file of a folder is no reason to refuse the others
    yield from (bundled.picture(name) for name in bundled.PICTURES if name not in keys)
    for number in range(2 * count):
        yield bundled.crop(number, _CANDIDATE_SEED)[0]
