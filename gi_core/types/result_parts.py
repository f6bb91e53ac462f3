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


class Explained(TypedDict, total=False):
    """How much of an update an answer explains: r = min_a |a g - g*| / |g*|."""

    unexplained: Annotated[float | None, "recorded update: r; null where the round was not played again"]
    fitted_scale: Annotated[float | None, "recorded update: the best factor a"]
    precision: Annotated[float | None, "the update's own relative error, by rounding and noise"]
    tolerance: Annotated[float | None, "r up to which nothing but that error is left"]
    matched: Annotated[bool, "recorded update: whether a search would count as ended"]
    at_floor: Annotated[bool, "whether r is within the tolerance: *matched* in the words"]
    noise: Annotated[float | None, "recorded update: length of the known noise over the update's"]


class Tried(TypedDict):
    """One attack of an ensemble, in the order in which they came."""

    kind: Annotated[str, "the attack"]
    state: Annotated[
        str, "tried; at work, while a run lasts; refused, by the attack itself; not needed, as the update was explained"
    ]
    why: Annotated[str, "why it was tried, refused or not needed, one clause"]
    seconds: Annotated[float, "s it took"]
    steps: Annotated[int, "its iterations"]
    evaluations: Annotated[float, "gradients of the network that it took of the budget"]
    residual: Annotated[float | None, "min_a |a g - g*| / |g*| of its answer"]
    score: Annotated[float | None, "what answers are compared by, lower is better"]
    best: Annotated[bool, "whether it was the best when it ended"]
    note: Annotated[str, "why it ended"]


class Knows(TypedDict, total=False):
    """What an ensemble knows of its answer, and how it came to it."""

    tried: Annotated[list[Tried], "ensemble: what was tried, in order"]
    verdict: Annotated[str, "ensemble: exact, partial or nothing, by its own evidence"]
    expected_error: Annotated[
        float | None,
        "ensemble: root mean square error of a pixel that it expects, in [0, 1]; null where it cannot tell",
    ]


class Twin(TypedDict):
    """Another picture that explains the update as well as the answer does."""

    file: Annotated[str, "the picture, in the run's folder"]
    apart: Annotated[float, "root mean square difference from the answer, per pixel in [0, 1]"]
    residual: Annotated[float | None, "share of the update that it does not explain"]


class Certainty(TypedDict):
    """Whether another picture nearby explains the update as well as the answer does. It says nothing of the original."""

    unique: Annotated[
        bool | None, "whether no other does; null where the update is not matched, or it was not examined"
    ]
    free_directions: Annotated[int | None, "directions of the picture that do not show in the update"]
    at_least: NotRequired[Annotated[bool, "whether so many were found, and there may be more"]]
    directions: Annotated[int | None, "all directions: values of the pictures"]
    error_to_expect: Annotated[float | None, "root mean square error per pixel that follows, in [0, 1]"]
    weakest: NotRequired[
        Annotated[
            float,
            "relative change of the update by a change of the picture of root mean square 1 along the direction that shows least;"
            " a bound from below where `examined` is bounded, of the weakest that was found where it is open",
        ]
    ]
    radius: NotRequired[
        Annotated[
            float,
            "root mean square per pixel up to which the only pictures that explain the update are closer than the error to expect;"
            " the bound of the second derivative is sampled, not proved; absent where a layer has a kink",
        ]
    ]
    examined: NotRequired[
        Annotated[
            str | None,
            "how: whole, by all directions; bounded, by a bound that fails in one case of a million; open, neither found nor"
            " excluded; equations, by those of a closed form; null where nothing was examined",
        ]
    ]
    sentence: Annotated[str, "the same for a person"]
    twin: NotRequired[Annotated[Twin, "a picture as different as possible that explains the update as well"]]


class Attacker(Explained, Knows):
    """What the attacker itself can say of its success."""

    loss: Annotated[float | None, "score of the chosen trial"]
    residual: Annotated[float | None, "||g - g*|| / ||g*||, share of the update that is not explained"]
    residuals: Annotated[dict[str, float | None], "the same for each tensor, by its name"]
    note: Annotated[str, "why the attack ended"]
    certainty: NotRequired[Annotated[Certainty, "whether another picture explains the update as well"]]
    scale: NotRequired[Annotated[float | None, "recorded update: factor over what a client as described would send"]]


class Words(TypedDict):
    """Matched, unique, right, and what person and machine make of the most exposed picture ([words](words.md))."""

    matched: Annotated[
        bool | None, "whether what the answer leaves of the update is within its own error; null: not known"
    ]
    unique: Annotated[bool | None, "whether no other picture nearby explains the update as well; null: not known"]
    right: Annotated[bool | None, "whether a person would see the original in it; null without originals"]
    person: Annotated[str, "exact, seen, traces or not seen; empty without originals"]
    machine: Annotated[str, "found or not found among the candidates; empty where it was not measured"]
    level: Annotated[str, "exposed, partly, protected or unknown"]


class Controlled(TypedDict):
    """A standing control: what an attack gets where it cannot get anything of the private picture."""

    kind: Annotated[str, "noise, other or prior"]
    given: Annotated[str, "what stood in the place of the client's update"]
    plausible: NotRequired[Annotated[bool, "noise: whether the answer is as smooth and as varied as a picture"]]


class Started(TypedDict):
    """Where a matching started that residual recovery goes before."""

    kind: Annotated[str, "the attack that was to give the start"]
    used: Annotated[bool, "whether its picture was the start"]
    note: Annotated[str, "what it said of its picture, or why it does not apply"]
    misfit: NotRequired[
        Annotated[float, "distances of gradient and statistics of its picture, weighted; lower is better"]
    ]
    usual: NotRequired[Annotated[float, "the same of the start that the settings name"]]
    after: NotRequired[Annotated[float, "the same of the answer"]]


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
