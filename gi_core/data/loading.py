"""An experiment's private pictures: found, cropped, resized, labelled."""

from __future__ import annotations

import numpy as np

from gi_core.common.errors import SpecError
from gi_core.data.images import channels_of, fit, middle, to_float
from gi_core.data.normalisation import resolve as normalisation
from gi_core.data.refs import resolve
from gi_core.data.types import Pictures, Sample
from gi_core.settings import losses
from gi_core.settings.bounds import MAX_SIZE
from gi_core.settings.client import Pretrained
from gi_core.settings.experiment import Experiment
from gi_core.settings.normalising import numbers
from gi_core.settings.recorded_round import Recorded
from gi_core.settings.sizes import MIN_SIZE, OWN, sides

OWN_SIZE_LIMIT = 32  # larger pictures outgrow what a LeNet gradient determines
NO_CLASSES = 10  # pictures without a data set: a ten-class network, as the papers attack


def load(experiment: Experiment) -> Pictures:
    """The pictures of an experiment: float32 (N, C, H, W) in [0, 1], labels, normalisation.

    Of a recorded update, its reference picture or placeholders. Raises SpecError with one sentence. Never downloads.
    """
    if experiment.recorded is not None:
        return _recorded(experiment, experiment.recorded)
    samples = [resolve(ref) for ref in experiment.samples]
    shape, channels = geometry(experiment, samples)
    images = to_float(np.stack([fit(s.pixels, shape, channels) for s in samples]))
    names = _class_names(samples, experiment)
    source = next((s.family for s in samples if s.class_names), samples[0].family)
    own = "imagenet" if isinstance(experiment.weights, Pretrained) else source  # what the weights were trained with
    mean, std = normalisation(experiment.normalise, own, channels)
    labels = _labels(experiment, samples, len(names))
    server = _prior(experiment, shape, channels)
    notices = (
        changes(samples, shape, channels) + changes(server, shape, channels, "prior picture: ") + by_numbers(experiment)
    )
    if experiment.model.one_logit:
        labels, names, notices = _one_logit(labels, len(names), notices)
    return Pictures(images, labels, len(names), names, source, mean, std, notices, _fitted(server, shape, channels))


def _recorded(experiment: Experiment, recorded: Recorded) -> Pictures:
    """What stands for the pictures behind a recorded update: the one that is known, or zeros of their shape."""
    model, shape, count = experiment.model, sides(experiment.size), recorded.images
    if shape is None:
        raise SpecError("an update does not say how large its pictures are: set size, in pixels")
    if recorded.reference is not None and count > 1:
        raise SpecError(f"a reference is one picture, and {count} are behind this update: leave it out")
    own = resolve(recorded.reference) if recorded.reference is not None else None
    channels = experiment.channels or model.channels_only or (channels_of(own.pixels) if own else 3)
    images = np.zeros((count, channels, *shape), np.float32)
    if own is not None:
        images = to_float(fit(own.pixels, shape, channels)[None])
    classes = 2 if model.one_logit else model.classes or NO_CLASSES
    names = losses.BINARY_NAMES if model.one_logit else tuple(f"class {k}" for k in range(classes))
    labels = np.asarray(experiment.labels or [0] * count, dtype=np.int64)
    if len(labels) != count:
        raise SpecError(f"give one label for each picture: {count} pictures, {len(labels)} labels")
    if labels.max() >= classes:
        raise SpecError(f"label {labels.max()} is out of range, the network has classes 0 to {classes - 1}")
    mean, std = normalisation(experiment.normalise, "recorded", channels)
    server = _prior(experiment, shape, channels)
    notices = changes([own] if own else [], shape, channels) + changes(server, shape, channels, "prior picture: ")
    notices += by_numbers(experiment)
    return Pictures(
        images, labels, classes, names, "recorded", mean, std, notices, _fitted(server, shape, channels),
        known=own is not None, labelled=experiment.labels is not None,
    )  # fmt: skip


def prior(experiment: Experiment, shape: tuple[int, int], channels: int) -> np.ndarray | None:
    """The attack's prior picture, float32 (C, H, W) in [0, 1]; None where it has none. Raises SpecError."""
    return _fitted(_prior(experiment, shape, channels), shape, channels)


def _prior(experiment: Experiment, shape: tuple[int, int], channels: int) -> list[Sample]:
    """The sample of the prior picture: a list of none or one."""
    ref = experiment.attack.prior_picture
    return [resolve(ref)] if ref else []


def _fitted(found: list[Sample], shape: tuple[int, int], channels: int) -> np.ndarray | None:
    return to_float(fit(found[0].pixels, shape, channels)[None])[0] if found else None


def _one_logit(
    labels: np.ndarray, classes: int, notices: tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """(labels, names, notices) of a network of one output."""
    if classes == 2:
        return labels, losses.BINARY_NAMES, notices
    mapped = np.asarray([losses.binary(int(k), classes) for k in labels], dtype=np.int64)
    said = f"the network has one output: {losses.positive(classes)} of {classes} count as positive"
    return mapped, losses.BINARY_NAMES, (*notices, said)


def geometry(experiment: Experiment, samples: list[Sample]) -> tuple[tuple[int, int], int]:
    """((height, width), channels) that all pictures of the batch take. Raises SpecError."""
    channels = experiment.channels or max(channels_of(s.pixels) for s in samples)
    if experiment.size == OWN:
        return _own_shape(samples), channels
    side = max(4, min(OWN_SIZE_LIMIT, *(side for s in samples for side in s.pixels.shape[:2])))
    return sides(experiment.size) or (side, side), channels


def _own_shape(samples: list[Sample]) -> tuple[int, int]:
    """(height, width) of pictures that are kept whole."""
    shapes = list(dict.fromkeys(s.pixels.shape[:2] for s in samples))
    if len(shapes) > 1:
        first, second = (f"{height}x{width}" for height, width in shapes[:2])
        raise SpecError(f"pictures of one update have one shape, not {first} and {second} pixels: set size")
    height, width = shapes[0]
    if max(height, width) > MAX_SIZE or min(height, width) < MIN_SIZE:
        raise SpecError(
            f"a picture of {height}x{width} pixels cannot be kept whole, sides are {MIN_SIZE} to {MAX_SIZE}: set size to a"
            " shape of these proportions, such as " + _near(height, width)
        )
    return height, width


def _near(height: int, width: int) -> str:
    factor = 64 / max(height, width)
    return "x".join(str(max(MIN_SIZE, round(side * factor))) for side in (height, width))


def _class_names(samples: list[Sample], experiment: Experiment) -> tuple[str, ...]:
    families = {s.family: s.class_names for s in samples if s.class_names}
    if len(set(families.values())) > 1:
        raise SpecError(f"{' and '.join(families)} have different classes: choose pictures of one data set")
    own = next(iter(families.values()), ())
    asked = experiment.model.classes
    count = asked or len(own) or NO_CLASSES
    return tuple(own[k] if k < len(own) else f"class {k}" for k in range(count))


def _labels(experiment: Experiment, samples: list[Sample], classes: int) -> np.ndarray:
    given = experiment.labels
    if given is not None and len(given) != len(samples):
        raise SpecError(f"give one label for each picture: {len(samples)} pictures, {len(given)} labels")
    labels = np.asarray(given if given is not None else [s.label or 0 for s in samples], dtype=np.int64)
    for ref, label in zip(experiment.samples, labels, strict=True):
        if label >= classes:
            hint = "choose another label" if given is not None else "raise model.classes or give a label"
            raise SpecError(
                f"label {label} of {ref} is out of range, the network has classes 0 to {classes - 1}: {hint}"
            )
    return labels


def by_numbers(experiment: Experiment) -> tuple[str, ...]:
    """A sentence that says by which numbers a person normalises the input; none for a named normalisation."""
    given = numbers(experiment.normalise)
    if given is None:
        return ()
    mean, std = (", ".join(f"{value:g}" for value in (side if len(set(side)) > 1 else side[:1])) for side in given)
    return (f"the network sees (x - mean) / std with mean {mean} and std {std}",)


def changes(samples: list[Sample], shape: tuple[int, int], channels: int, of: str = "") -> tuple[str, ...]:
    """What was done to a person's own files; cutting bundled pictures to size has no notice. Sizes are width x height."""
    found: list[str] = []
    for sample in samples:
        if sample.written is not None:
            found += [*sample.notices, *_cut(*sample.written[::-1], shape)]
        if channels_of(sample.pixels) != channels:
            found.append("grey picture repeated in three channels" if channels == 3 else "colours turned to grey")
    return tuple(dict.fromkeys(of + one for one in found))


def _cut(rows: int, columns: int, shape: tuple[int, int]) -> list[str]:
    """How a picture was fitted, in one sentence or none."""
    kept = middle(rows, columns, *shape)
    whole, part, taken = (f"{width}x{height}" for height, width in ((rows, columns), kept, shape))
    if part == whole:
        return [f"resized from {whole} to {taken}"] if whole != taken else []
    return [f"the middle {part} of {whole} is used" + (f", resized to {taken}" if part != taken else "")]
