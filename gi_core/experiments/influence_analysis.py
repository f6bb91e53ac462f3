"""The influence of an Experiment's pictures, one by one: for the command line and for a worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from gi_core import data
from gi_core.analysis.influence import predict
from gi_core.common.progress import Progress, silent
from gi_core.data import Pictures
from gi_core.experiments import preparing
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.setup import choose_device
from gi_core.jobs.rows import finite
from gi_core.numerics.spectrum import Spectrum
from gi_core.settings import Experiment, SpecError
from gi_core.settings.bounds import MAX_NOISE
from gi_core.types.influence import Analysed, Curve, Influence, Picture, Unknown
from gi_core.types.result_parts import Network

SIGMAS = np.logspace(-9, 1, 81)
MOST_DAMPING, MOST_SECONDS = 1e30, 7 * 86400.0


def answer(
    experiment: Experiment, noise_std: float | None = None, damping: float | None = None, seconds: float = 60.0,
    folder: Path | None = None, progress: Progress = silent,
) -> Influence:  # fmt: skip
    """What the update shows of every picture, as if it were alone in its round (docs/influence.md).

    noise_std: of the update's values, at most `MAX_NOISE`; damping: absolute, at most `MOST_DAMPING`, None for next to
    none; seconds: for the spectrum of one picture, at most a week. folder: where the pictures are put for a page. A picture that cannot be analysed has `error`, one sentence.
    Raises SpecError when none can be asked.
    """
    _bounded(noise_std, damping, seconds)
    if experiment.recorded is not None:
        raise SpecError("the influence needs the private picture, and a recorded update has none: give samples")
    progress(0.0, "reading the pictures")
    pictures = data.load(experiment)
    model, info = preparing.prepare(experiment, pictures, progress=progress)
    return of_pictures(experiment, model, pictures, noise_std, damping, seconds, folder, progress, info)


def _bounded(noise_std: float | None, damping: float | None, seconds: float) -> None:
    """Raises SpecError for numbers out of their bounds."""
    if noise_std is not None and not 0 <= noise_std <= MAX_NOISE:
        raise SpecError(f"the noise is a number from 0 to {MAX_NOISE:g}, not {noise_std:g}")
    if damping is not None and not 0 <= damping <= MOST_DAMPING:
        raise SpecError(f"the damping is a number from 0 to {MOST_DAMPING:g}, not {damping:g}")
    if not 0 < seconds <= MOST_SECONDS:
        raise SpecError(
            f"the seconds for a spectrum are a number above zero and at most {MOST_SECONDS:g}, not {seconds:g}"
        )


def of_pictures(
    experiment: Experiment, model: nn.Module, pictures: Pictures, noise_std: float | None = None,
    damping: float | None = None, seconds: float = 60.0, folder: Path | None = None, progress: Progress = silent,
    info: Network | None = None,
) -> Influence:  # fmt: skip
    """The same of pictures that were loaded and a network that was prepared. info: what is known of its weights."""
    _bounded(noise_std, damping, seconds)
    info = info or {"weights": "as given", "notices": []}
    device, count = choose_device(experiment.device), len(experiment.samples)
    found: list[Unknown | Analysed] = []
    for i, ref in enumerate(experiment.samples):

        def report(fraction: float, text: str, i: int = i) -> None:
            progress((i + fraction) / count, f"picture {i + 1} of {count}: {text}")

        label = int(pictures.labels[i])
        one: Picture = {"sample": ref, "label": label, "class_name": pictures.class_names[label]}
        if folder is not None:
            save_png(folder / f"picture_{i:03d}.png", sheet(pictures.images[i : i + 1]))
            one["picture"] = f"picture_{i:03d}.png"
        try:
            known = predict.know(experiment, model, pictures, i, device, seconds, report)
            numbers = predict.describe(known, noise_std, damping)
            spectrum, curve = known.spectrum.to_json(), _curve(known.spectrum)
            found.append({**one, **numbers, "key": known.key, "spectrum": spectrum, "curve": curve})
        except SpecError as error:
            if count == 1:
                raise
            found.append({**one, "error": str(error)})
    answer: Influence = {
        **info, "model": experiment.model.name, "shape": list(pictures.images.shape[1:]),
        "notices": [*pictures.notices, *info["notices"]], "samples": found,
    }  # fmt: skip
    checked: Influence = finite(answer)
    return checked


def _curve(spectrum: Spectrum) -> Curve:
    """Predicted error over noise levels: no noise is drawn."""
    errors = [spectrum.expected(float(s)) for s in SIGMAS]
    return {
        "noise_std": SIGMAS.tolist(), "rmse": [e.pixels for e in errors], "rmse_with_prior": [e.pixels_with_prior for e in errors],
    }  # fmt: skip
