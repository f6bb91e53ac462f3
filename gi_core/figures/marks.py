"""One colour and one sign for each defense, the same in every chart, whatever else is shown and in whatever order."""

from __future__ import annotations

from collections.abc import Iterable

from gi_core.figures.themes import GREY, pale
from gi_core.settings import DEFENSES

NONE = "none"
SHAPES = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆", "hexagon": "⬢", "triangle-down": "▼"}
"""Signs of plotly, each with its like in text."""
COLOURS = {
    "gaussian_noise": "#B8541A", "laplace_noise": "#8F6D2A", "percentile_noise": "#C2466B", "protective_direction": "#6E7D1E",
    "clipping": "#3F7FBF", "dp_sgd": "#1F8A5B", "pruning": "#B45CA8", "random_pruning": "#7C62C4", "top_k": "#A67C00",
    "quantisation": "#1B8AA6", "half_precision": "#5E8C3A", "withheld_layers": "#D0557A", "soteria": "#4A63C8",
    "precode": "#C43D3D", "mixing": "#008A7D",
}  # fmt: skip
"""All at least 3 to 1 on the page's light and dark ground; none is a colour of the levels of exposure."""
SUMMED = "secure_aggregation"
"""A kind of setting that is no defense of one client: the sum of several is all that the server sees."""
SPARE = ("#6A6F00", "#9A4D8F", "#2F7F86")
"""Colours of defenses that have none of their own yet."""
_NEW = [kind for kind in DEFENSES if kind not in COLOURS]
_ORDER = [NONE, *COLOURS, *_NEW]


def kinds(defenses: str) -> str:
    """The kinds of defenses that a command line writes: of `gaussian_noise:std=0.1 + pruning`, `gaussian_noise + pruning`."""
    return " + ".join(part.partition(":")[0] for part in defenses.split(" + "))


def colour(kind: str) -> str:
    """Hex. kind: of one defense, or of several joined by " + ", which share grey and differ in shape."""
    return SPARE[_NEW.index(kind) % len(SPARE)] if kind in _NEW else COLOURS.get(kind, GREY)


def shape(kind: str, among: Iterable[str] = ()) -> str:
    """A key of `SHAPES`; never the colour alone tells a defense. among: all combinations of defenses that are shown."""
    names = list(SHAPES)
    if kind in _ORDER:
        return names[_ORDER.index(kind) % len(names)]
    combined = sorted({k for k in among if k not in _ORDER} | {kind})
    return names[(combined.index(kind) + 1) % len(names)]


def title(kind: str) -> str:
    """The field's name."""
    if kind == NONE:
        return "No defense"
    own = {SUMMED: "Secure aggregation"}
    return " + ".join(DEFENSES[k].title if k in DEFENSES else own.get(k, k) for k in kind.split(" + "))


def veil(shade: str) -> str:
    """The colour of a defense's error bars."""
    return pale(shade, 0.6)
