"""The parts of a result (`gi_core/types/result.py`), field by field, each with its meaning and unit. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from typing import Annotated, Any, NotRequired, TypedDict

Measures = dict[str, Any]
"""Metric of the registry -> value, None where it was not measured; beside them `<metric>_sd`, notes and counts."""


class Judged(TypedDict):
    """Reconstructions beside the originals."""

    metrics: Annotated[Measures, "means over the pictures"]
    per_image: Annotated[list[Measures], "the same for each original"]
    order: Annotated[list[int] | None, "the reconstruction that belongs to each original; null without originals"]


class LabelsRead(TypedDict):
    """What one label strategy reads from the update."""

    recovered: Annotated[list[int], "class numbers"]
    accuracy: Annotated[float, "share of the true labels among them, in [0, 1]"]


class Labels(TypedDict):
    """Labels, in the order of the originals."""

    true: Annotated[list[int] | None, "class numbers that the client trained with; null where they are not known"]
    recovered: Annotated[list[int], "class numbers that the attack recovered"]
    accuracy: Annotated[float | None, "share recovered correctly, in [0, 1]"]
    names: Annotated[list[str], "names of the classes, in their order"]
    strategies: NotRequired[Annotated[dict[str, LabelsRead], "what each label strategy reads from the update"]]


class Trial(TypedDict):
    """One trial's end."""

    trial: Annotated[int, "its number, from 0"]
    score: Annotated[float | None, "the attacker's own loss, lower is better; null where it diverged or never began"]
    mse: Annotated[float | None, "mean squared error of its pictures, in [0, 1]"]
    psnr: Annotated[float | None, "mean PSNR of its pictures, in dB"]


class TrialsSummary(TypedDict, total=False):
    """The spread of the trials by the attacker's own loss; empty before the first iteration."""

    best: Annotated[Trial, "least loss"]
    median: Annotated[Trial, "middle loss, the lower of two"]
    worst: Annotated[Trial, "largest loss, or diverged"]


class Trials(TrialsSummary):
    """Every trial, and their spread."""

    all: Annotated[list[Trial], "in their order"]


class Normalisation(TypedDict):
    """How pixels become what the network sees: (x - mean) / std."""

    asked: Annotated[str, "as it was written"]
    mean: Annotated[list[float], "of each channel, in [0, 1]"]
    std: Annotated[list[float], "of each channel, in [0, 1]"]


class Scaled(TypedDict, total=False):
    """The factor between a recorded update and what a client as described would send."""

    scale: Annotated[float | None, "factor over what a client as described would send"]
    scale_misfit: Annotated[float | None, "share of the last layer's gradient that no factor explains"]
    corrected: Annotated[bool, "whether the factor was undone"]


class UpdateFacts(Scaled):
    """What was found in the files of a recorded update."""

    scheme: Annotated[str, "how the file's names were matched with the network's"]
    table: Annotated[list[list[str]], "[the network's name, the file's] where they differ by more than a prefix"]
    cosine: Annotated[float | None, "cosine between what was sent and the checkpoint"]
    ratio: Annotated[float | None, "length of what was sent over the checkpoint's"]
    whole: Annotated[bool, "whether whole weights were sent, and the checkpoint subtracted"]
    frozen: Annotated[list[str], "tensors that did not train"]


class Change(TypedDict):
    """What became of an update's values."""

    norm_before: Annotated[float, "L2 norm before it"]
    norm_after: Annotated[float, "L2 norm after it"]
    relative_change: Annotated[float | None, "||g' - g|| / ||g||"]
    cosine: Annotated[float | None, "between before and after"]
    zeros: Annotated[float, "share of values that are exactly zero, in [0, 1]"]


class Promise(TypedDict, total=False):
    """What a defense guarantees, where it does."""

    epsilon: Annotated[float | None, "DP-SGD: of its (epsilon, delta) guarantee; null is infinite"]
    delta: Annotated[float | None, "DP-SGD: the other half of it"]
    rate: Annotated[float | None, "DP-SGD: share of the records drawn for a step, in [0, 1]"]
    steps: Annotated[int | None, "DP-SGD: steps that are counted"]
    promise: Annotated[str, "DP-SGD: the guarantee in words"]


class Bracket(TypedDict):
    """What a clipped and noised update leaks, from both sides: the share of games in which an attacker picks the true picture."""

    candidates: Annotated[int, "equally likely pictures to choose among"]
    ceiling: Annotated[float, "most that any attacker gets, in [0, 1]; proved"]
    sentence: Annotated[str, "the ceiling for a person"]
    floor: Annotated[float | None, "what the likeliest picture gets, in [0, 1]; measured, null where it was not"]
    floor_low: Annotated[float | None, "lower end of the 95 % interval of the floor"]
    floor_high: Annotated[float | None, "upper end of it"]
    draws: Annotated[int, "games that were played for the floor"]
    measured: Annotated[str, "the floor for a person, or why there is none"]


class Effect(Change, Promise):
    """What one defense did to the update."""

    kind: Annotated[str, "the defense"]


class Layer(TypedDict):
    """What a recursion found of one layer's input, deepest layer first."""

    name: Annotated[str, "the layer's module"]
    route: Annotated[str, "how its equations were solved"]
    unknowns: Annotated[int, "values of its input"]
    rank: Annotated[int, "of its equations"]
    deficiency: Annotated[int, "unknowns - rank"]
    condition: Annotated[float | None, "largest over smallest singular value"]
    residual: Annotated[float | None, "relative, of its equations"]
    error: Annotated[float | None, "relative error expected of its input"]
    note: Annotated[str, "what else is to be said"]
    shape: Annotated[list[int], "of its input"]
    preview: Annotated[str, "picture of its input, a file of the run's folder"]


class Mixture(TypedDict, total=False):
    """How a recursion's answer to a batch mixes the originals: x = sum_n a_n x_n; empty without originals."""

    coefficients: Annotated[list[list[float]], "a_n, a row for each different answer"]
    span_residual: Annotated[float, "|x - sum_n a_n x_n| / |x|, the largest"]
    answers: Annotated[int, "different answers"]


class Rescaled(TypedDict):
    """A recursion's answer as R-GAP's authors show it, (x - min x) / max x."""

    file: Annotated[str, "picture, a file of the run's folder"]
    psnr: NotRequired[Annotated[float | None, "in dB"]]
    ssim: NotRequired[Annotated[float | None, "structural similarity"]]
    mse: NotRequired[Annotated[float | None, "mean squared error, in [0, 1]"]]


class Network(TypedDict, total=False):
    """The network's settings, and what is known of it."""

    kind: Annotated[str, "which network; its other settings stand beside it"]
    parameters: Annotated[int, "trainable numbers"]
    weights: Annotated[str, "where they come from, in words"]
    accuracy: Annotated[float | None, "on pictures it was not trained on, in [0, 1], where it was trained here"]
    training_pictures: Annotated[int, "pictures that it was trained on here"]
    naming: Annotated[str, "recorded round: how the checkpoint's names were matched"]
    notices: Annotated[list[str], "sentences"]
