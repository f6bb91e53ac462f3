"""A recorded update: how much each layer changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gi_core.figures import axes
from gi_core.figures.drawing import Drawing, text
from gi_core.figures.themes import COLOURS

if TYPE_CHECKING:
    from gi_core.types.inspection import FileLayer

MOST_NAMES, DECADES, FLAT = 24, 5, 0.03
"""Names under the bars; powers of ten below the largest; the height of a bar below them, in powers of ten."""


@dataclass(frozen=True)
class Bar:
    """A layer: the norm of its change, and that relative to its weights before, None where they are not known."""

    name: str
    norm: float
    relative: float | None

    @property
    def label(self) -> str:
        return self.name + (f" ({100 * self.relative:.2g} %)" if self.relative is not None else "")


def by_layer(layers: Sequence[FileLayer]) -> list[Bar]:
    """Weight and bias of a layer as one: square roots of summed squares, of the change and of the weights before."""
    groups: dict[str, list[tuple[float, float | None]]] = {}
    for layer in layers:
        if not layer["buffer"] and layer["norm"] is not None:
            name = layer["name"].rpartition(".")[0] or layer["name"]
            groups.setdefault(name, []).append((layer["norm"], layer["relative"]))
    found = []
    for name, parts in groups.items():
        norm = math.hypot(*(norm for norm, _ in parts))
        before = math.hypot(*(norm / relative for norm, relative in parts if relative))
        found.append(Bar(name, norm, norm / before if before else None))
    return found


def norms(layers: Sequence[FileLayer], height: int = 270) -> Drawing | None:
    """L2 norm of each layer's change, in powers of ten; in brackets in per cent of its weights. None where nothing changed."""
    bars = by_layer(layers)
    most = max((bar.norm for bar in bars), default=0.0)
    if not most:
        return None
    top, least = math.ceil(math.log10(most)), math.floor(math.log10(most)) - DECADES
    names = [bar.label for bar in bars]
    trace = {
        "type": "bar", "uid": "norms", "name": "change", "x": list(range(len(bars))), "y": [max(10 ** (least + FLAT), bar.norm) for bar in bars],
        "marker": {"color": COLOURS[0]}, "customdata": [[text(bar.label), bar.norm] for bar in bars],
        "hovertemplate": "%{customdata[0]}: %{customdata[1]:.3g}<extra></extra>",
    }  # fmt: skip
    below = (
        {} if len(bars) <= MOST_NAMES else {"showticklabels": False, "title": {"text": "layers, the first on the left"}}
    )
    layout = {
        "xaxis": axes.names(names) | below, "showlegend": False,
        "yaxis": axes.powers("length of the change", (10.0**least, 10.0**top), range=[least, max(top, math.log10(most) + 0.1)]),
    }  # fmt: skip
    return Drawing(
        "norms", "How much each layer changed", "Change of each layer in the update", [trace], layout, height=height
    )
