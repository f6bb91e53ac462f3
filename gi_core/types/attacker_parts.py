"""What the attacker says of its own success, and what stands beside it, field by field: the parts of a result that are about knowing. No torch."""

# Annotations are not postponed here: on Python 3.11 that would hide NotRequired from __required_keys__.
from typing import Annotated, NotRequired, TypedDict


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
            " the bound of the second derivative is sampled, not proved; absent where none is given, as behind max pooling",
        ]
    ]
    cell: NotRequired[
        Annotated[bool, "whether units with kinks (ReLU) end the radius at the latest where the first of them switches"]
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
    residual: Annotated[
        float | None,
        "share of the update that is not explained: min_a |a g - g*| / |g*| of the answer played again, or |g - g*| / |g*| as the"
        " attack has it where it cannot be",
    ]
    residuals: Annotated[dict[str, float | None], "|g - g*| / |g*| of each tensor, by its name, as the attack has it"]
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
