"""Keys that jobs of both frameworks use: epochs, steps, batch, side of the pictures, and the class of the network."""

from __future__ import annotations

import re

from gi_core.deployment.cases import DELTA
from gi_core.deployment.lines import Leaf, Line, floored
from gi_core.deployment.questions import UNKNOWN
from gi_core.settings.accounting import epsilon

STEPS = {"1": 1, "5": 5, "20": 20}
PICTURES = {"1": 1, "4": 2, "16": 16}
SIDES = {"32": 1, "64": 64, "224": 224}
CLIENTS = {"10": 10, "50": 50}
_EPOCHS = ("local-epochs", "aggregation-epochs", "epochs")
_STEPS = ("local-steps", "max-steps")
_BATCH = ("batch-size", "train-batch-size", "per-device-train-batch-size")
_SIDE = ("image-size", "img-size", "input-size")
_MODEL = re.compile(r"(^|[._-])(model-name|model-class-path|model)(\.(path|name|class-path))?$")
_KINDS = (
    ("transformer", re.compile(r"(^|[^a-z])(vit|deit)([^a-z]|$)|vision_?transformer", re.IGNORECASE)),
    ("residual", re.compile(r"(^|[^a-z])(wide_?)?resnet", re.IGNORECASE)),
    ("plain", re.compile(r"lenet|(^|[^a-z])(simple|moderate|small)?_?cnn([^a-z]|$)", re.IGNORECASE)),
)
_KIND_WORDS = {"transformer": "a vision transformer", "residual": "a residual network", "plain": "a convolutional network"}  # fmt: skip


def line(leaf: Leaf) -> Line | None:
    """What a key says by itself; None for keys that are not known here."""
    if _MODEL.search(leaf.path.lower().replace("_", "-")) and isinstance(leaf.value, str):
        return _network(leaf)
    if "lora" in leaf.path.lower() and leaf.number:
        return leaf.says("Adapters of low rank are trained, and taken as all that is sent.", "shared", "adapter")
    number = leaf.number
    if number is None or number < 1:
        return None
    if leaf.key in _EPOCHS:
        return _epochs(leaf, number)
    if leaf.key in _STEPS:
        return leaf.says(f"A client takes {number:.0f} steps in a round.", "steps", floored(number, STEPS))
    if leaf.key in _BATCH:
        text = f"A round takes at least one batch of {number:.0f}; how many pictures a client has is in its data."
        return leaf.says(text, "pictures", floored(number, PICTURES))
    if leaf.key in _SIDE:
        return leaf.says(f"The network sees pictures of {number:.0f} pixels.", "size", floored(number, SIDES))
    return None


def _network(leaf: Leaf) -> Line:
    kind = next((kind for kind, names in _KINDS if names.search(str(leaf.value))), None)
    if kind is None:
        return leaf.says("Its name does not tell what kind of network it is.", "network")
    return leaf.says(f"By its name {_KIND_WORDS[kind]}.", "network", kind)


def _epochs(leaf: Leaf, number: float) -> Line:
    answer = floored(number, STEPS) if number >= STEPS["5"] else UNKNOWN
    more = "" if answer != UNKNOWN else ": how many steps that is depends on the client's data"
    times = "once" if number == 1 else f"{number:.0f} times"
    return leaf.says(f"A client goes {times} through its pictures{more}.", "steps", answer)


def private(leaf: Leaf, value: float, by: str, over: str = "") -> Line:
    """A line about noise of a known epsilon. by: a sentence on who adds it. over: what that epsilon is of."""
    answer = "dp1" if value <= 1 else "dp8" if value <= 8 else "noise"
    weak = "" if answer != "noise" else ", weaker than what is asked about: taken as a little noise"
    return leaf.says(f"{by} Epsilon {value:.3g}{over}{weak}.", "protection", answer)


def multiplied(leaf: Leaf, multiplier: float, by: str) -> Line:
    """The same of a noise multiplier, by one step over all of a client's pictures."""
    value = epsilon(multiplier, 1.0, 1, DELTA)
    return private(leaf, value, by, f" of one step over all pictures, at delta {DELTA:g}")
