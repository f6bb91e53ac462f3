"""What the influence says of each picture of an Experiment, as the JSON of the command line."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from gi_core import clients, defenses
from gi_core.analysis.influence import keeping
from gi_core.clients.round import Round, normalised
from gi_core.common.progress import Progress, silent
from gi_core.data import Pictures
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.picture_spectrum import spectrum
from gi_core.numerics.spectrum import DAMPING, LINEAR, PRIOR, Spectrum, lower_bound, with_prior
from gi_core.settings import Experiment, SpecError
from gi_core.settings.noise_defenses import GaussianNoise
from gi_core.types.influence import Described, Moved

SOLVE = 600
"""Products of J J^T that a solve usually takes."""


@dataclass(frozen=True)
class Known:
    """One picture: its Jacobian, spectrum (eigenvectors (d, kept) at `places`), and the client's round."""

    sample: Sample
    spectrum: Spectrum
    places: keeping.Places
    vectors: keeping.Vectors
    round: Round
    seconds: float
    key: str
    seed: int
    products: int
    """Products of J J^T that a solve may take: what the person's seconds reach."""


def know(
    experiment: Experiment, model: nn.Module, pictures: Pictures, index: int, device: torch.device,
    seconds: float = 60.0, progress: Progress = silent,
) -> Known:  # fmt: skip
    """The spectrum of picture `index` alone, from the store of spectra if it is there. Raises SpecError."""
    began = time.perf_counter()
    if experiment.client.sends != "gradient":
        raise SpecError("the influence is that of one gradient, and this client sends a weight change: choose fedsgd")
    for defense in experiment.defenses:
        if "withholding" in defense.perturbs:
            raise SpecError(
                f"the influence counts every layer's gradient, and {defense.title} leaves some out: attack to find out what shows"
            )
        if not defense.predicted:
            raise SpecError(
                f"the influence is that of something added to the gradient, and {defense.title} changes what it is the"
                " gradient of: attack to find out what shows"
            )
    one = replace(pictures, images=pictures.images[index : index + 1], labels=pictures.labels[index : index + 1])
    played = clients.play(experiment, model, one, device)
    x, knowledge = normalised(one, torch.device("cpu")), played.knowledge
    sample = Sample(knowledge, x, played.labels, device)
    if sample.norm == 0:
        raise SpecError("the gradient is zero everywhere, so it says nothing about the picture")
    name = keeping.key(knowledge, x, played.labels, seconds)
    kept = keeping.read(name)
    if kept is None:
        found, vectors = spectrum(sample, seconds, progress)
        kept = (found, *keeping.write(name, found, vectors))
    products = int(seconds / max(sample.product_seconds(), 1e-9))
    return Known(sample, *kept, played, time.perf_counter() - began, name, experiment.seed, products)


def describe(known: Known, noise_std: float | None, damping: float | None) -> Described:
    """One picture's numbers. damping: absolute (1 is the published default); None: relative, 1e-9 of lambda_max.

    Without noise_std the perturbation is the round's own (a defense's output minus the clean gradient) where there
    is one, else the float32 rounding of the update. With noise_std the numbers are expectations over the noise, and
    `drawn` has those of the noise that the experiment's seed draws, where the seconds reach for its solve.
    """
    spectrum = known.spectrum
    affordable = known.products >= SOLVE
    relative = DAMPING if damping is None else damping / max(spectrum.largest, 1e-300)
    pushed = _pushed(known)
    if noise_std is None and pushed is not None:
        moved = _of_perturbation(known, pushed, relative)
    else:
        moved = _of_noise(spectrum, noise_std, relative)
    drawn = _of_perturbation(known, _drawn(known, noise_std), relative) if noise_std and affordable else None
    rmse = moved["predicted_rmse"]
    assert rmse is not None  # only in JSON, for infinity
    protected, linear = not rmse < PRIOR, (drawn or moved).get("linear") is not False
    found: Described = {
        "eigenvalue_max": spectrum.largest, "eigenvalue_min": spectrum.smallest, "damping": relative * spectrum.largest,
        "gradient_norm": spectrum.norm, "exact": spectrum.exact, "relative_error": spectrum.spread, "seconds": known.seconds,
        **moved, "protected": protected, "words": words(rmse, protected, linear),
    }  # fmt: skip
    if drawn is not None:
        found["drawn"] = drawn
    return found


def _of_noise(spectrum: Spectrum, noise_std: float | None, relative: float) -> Moved:
    sigma = spectrum.rounding() if noise_std is None else noise_std
    errors, d = spectrum.expected(sigma, relative), spectrum.pixels
    size = sigma * float((spectrum.weights * spectrum.values).sum()) ** 0.5
    return {
        "perturbation": "noise" if noise_std is not None else "rounding of the update", "noise_std": sigma,
        "jacobian_delta_norm": size, "influence": errors.normalised * d**0.5,
        "lower_bound": lower_bound(size, spectrum.largest), "predicted_rmse": errors.pixels,
        "predicted_rmse_normalised": errors.normalised, "predicted_rmse_with_prior": errors.pixels_with_prior,
    }  # fmt: skip


def _of_perturbation(known: Known, pushed: Tensor, relative: float) -> Moved:
    spectrum, d = known.spectrum, known.sample.size
    moved = known.sample.influence_at(pushed, relative * spectrum.largest, min(1200, known.products))
    # A solve that was cut short promises too small an error, and what comes after it would cost as much again.
    whole = known.products >= SOLVE
    second = known.sample.second_order(moved, relative * spectrum.largest) if whole else None
    size, length, rmse = float(pushed.norm()), float(moved.norm()), known.sample.in_pixels(moved)
    return {
        "perturbation": "defense", "noise_std": None, "jacobian_delta_norm": size, "influence": length,
        "lower_bound": lower_bound(size, spectrum.largest), "predicted_rmse": rmse,
        "predicted_rmse_normalised": length / d**0.5, "predicted_rmse_with_prior": with_prior(rmse),
        "second_order": second, "linear": None if second is None else second <= LINEAR,
    }  # fmt: skip


def _drawn(known: Known, noise_std: float) -> Tensor:
    """J delta of the noise that a defense of this standard deviation, and no other, would draw in this experiment."""
    noisy = defenses.make(GaussianNoise(std=noise_std), known.seed, 0).filter_update(known.round.clean)
    return known.sample.perturbation(known.round.clean, noisy)


def _pushed(known: Known) -> Tensor | None:
    """J delta of what the defenses changed; None without any, or where they did more than add."""
    if known.round.clean is known.round.update:
        return None
    return known.sample.perturbation(known.round.clean, known.round.update)


def words(rmse: float, protected: bool, linear: bool = True) -> str:
    """The prediction as one sentence, which is never a promise. linear: whether the prediction is within its range."""
    if not (protected or linear):
        return (
            f"beyond the linear range: without a prior the error is of the order of {rmse:.1g} per pixel, and an attack may"
            " err several times as much or less"
        )
    if protected:
        return "protected at this noise: matching alone would err as much as guessing grey; a picture prior may still do better"
    if rmse < 1e-3:
        return f"exposed: without a prior the picture comes back within {rmse:.1g} per pixel"
    return f"without a prior the picture comes back within about {rmse:.2g} per pixel; with one, closer"
