"""An experiment's private pictures: found, cropped, resized, labelled."""

from __future__ import annotations

import numpy as np

from gi_core.data.images import channels_of, fit, to_float
from gi_core.data.normalisation import resolve as normalisation
from gi_core.data.refs import resolve
from gi_core.data.types import Pictures, Sample
from gi_core.spec import losses
from gi_core.spec.base import SpecError
from gi_core.spec.experiment import Experiment
from gi_core.spec.recorded import Recorded

OWN_SIZE_LIMIT = 32  # larger pictures outgrow what a LeNet gradient determines
NO_CLASSES = 10  # pictures without a data set: a ten-class network, as the papers attack


def load(experiment: Experiment) -> Pictures:
    """The pictures of an experiment: float32 (N, C, H, W) in [0, 1], labels, normalisation.

    Of a recorded update, its reference picture or placeholders. Raises SpecError with one sentence. Never downloads.
    """
    if experiment.recorded is not None:
        return _recorded(experiment, experiment.recorded)
    samples = [resolve(ref) for ref in experiment.samples]
    size, channels = geometry(experiment, samples)
    images = to_float(np.stack([fit(s.pixels, size, channels) for s in samples]))
    names = _class_names(samples, experiment)
    source = next((s.family for s in samples if s.class_names), samples[0].family)
    own = "imagenet" if experiment.weights.kind == "imagenet" else source  # what the weights were trained with
    mean, std = normalisation(experiment.normalise, own, channels)
    labels = _labels(experiment, samples, len(names))
    notices = _notices(samples, size, channels)
    if experiment.model.one_logit:
        labels, names, notices = _one_logit(labels, len(names), notices)
    return Pictures(images, labels, len(names), names, source, mean, std, notices, prior(experiment, size, channels))


def _recorded(experiment: Experiment, recorded: Recorded) -> Pictures:
    """What stands for the pictures behind a recorded update: the one that is known, or zeros of their shape."""
    model, size, count = experiment.model, experiment.size, recorded.images
    if size is None:
        raise SpecError("an update does not say how large its pictures are: set size, in pixels")
    if recorded.reference is not None and count > 1:
        raise SpecError(f"a reference is one picture, and {count} are behind this update: leave it out")
    own = resolve(recorded.reference) if recorded.reference is not None else None
    channels = experiment.channels or model.channels_only or (channels_of(own.pixels) if own else 3)
    images = np.zeros((count, channels, size, size), np.float32)
    if own is not None:
        images = to_float(fit(own.pixels, size, channels)[None])
    classes = 2 if model.one_logit else model.classes or NO_CLASSES
    names = losses.BINARY_NAMES if model.one_logit else tuple(f"class {k}" for k in range(classes))
    labels = np.asarray(experiment.labels or [0] * count, dtype=np.int64)
    if len(labels) != count:
        raise SpecError(f"give one label for each picture: {count} pictures, {len(labels)} labels")
    if labels.max() >= classes:
        raise SpecError(f"label {labels.max()} is out of range, the network has classes 0 to {classes - 1}")
    mean, std = normalisation(experiment.normalise, "recorded", channels)
    return Pictures(
        images, labels, classes, names, "recorded", mean, std, _notices([own], size, channels) if own else (),
        prior(experiment, size, channels), known=own is not None, labelled=experiment.labels is not None,
    )  # fmt: skip


def prior(experiment: Experiment, size: int, channels: int) -> np.ndarray | None:
    """The attack's prior picture, float32 (C, H, W) in [0, 1]; None where it has none. Raises SpecError."""
    ref = getattr(experiment.attack, "prior", None)
    return to_float(fit(resolve(ref).pixels, size, channels)[None])[0] if ref else None


def _one_logit(labels: np.ndarray, classes: int, notices: tuple[str, ...]):
    """(labels, names, notices) of a network of one output."""
    if classes == 2:
        return labels, losses.BINARY_NAMES, notices
    mapped = np.asarray([losses.binary(int(k), classes) for k in labels], dtype=np.int64)
    said = f"the network has one output: {losses.positive(classes)} of {classes} count as positive"
    return mapped, losses.BINARY_NAMES, (*notices, said)


def geometry(experiment: Experiment, samples: list[Sample]) -> tuple[int, int]:
    """(size, channels) that all pictures of the batch take."""
    own = min(min(s.pixels.shape[:2]) for s in samples)
    size = experiment.size or max(4, min(OWN_SIZE_LIMIT, own))
    return size, experiment.channels or max(channels_of(s.pixels) for s in samples)


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


def _notices(samples: list[Sample], size: int, channels: int) -> tuple[str, ...]:
    """What was done to a person's own files; bundled pictures are cut to size without a word."""
    found: list[str] = []
    for sample in samples:
        if sample.notices and sample.notices[0] != f"{size}x{size}":
            found.append(f"resized from {sample.notices[0]} to {size}x{size}")
        if channels_of(sample.pixels) != channels:
            found.append("grey picture repeated in three channels" if channels == 3 else "colours turned to grey")
    return tuple(dict.fromkeys(found))
