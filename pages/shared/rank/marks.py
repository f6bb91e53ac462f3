"""Whether a layer's input comes back: a sign, a colour and words, the same wherever a layer is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gi_core.analysis.rank import LayerRank
from pages.shared import words


@dataclass(frozen=True)
class Mark:
    """tone: pass, short or stop; wrong for a row that makes no layer. shape: what the layer gives."""

    name: str = ""
    sign: str = ""
    tone: str = "none"
    text: str = ""
    shape: str = ""

    def html(self) -> str:
        """The sign alone; the words on hovering and for screen readers."""
        text = words.escape(self.text)
        label = f'role="img" aria-label="{text}" title="{text}"' if text else 'aria-hidden="true"'
        return f'<span class="gi-mark gi-{self.tone}" {label}>{self.sign}</span>'


def of(layer: LayerRank) -> Mark:
    """The prediction for one layer."""
    shape = size(layer.output_shape)
    if layer.route == "unsupported":
        return Mark(layer.name, "✕", "stop", f"Stops here: {layer.reason}", shape)
    if layer.deficiency > 0:
        return Mark(layer.name, "!", "short", f"{layer.deficiency} of {layer.unknowns} unknowns stay open", shape)
    return Mark(layer.name, "✓", "pass", f"All {layer.unknowns} unknowns are determined", shape)


def of_row(found: Iterable[Mark], k: int, bad: int | None) -> Mark:
    """The mark of a row of the drawing, the worst of its parts; `layer3`, or `layer3_...` of a block."""
    if k == bad:
        return Mark("", "✕", "wrong", "This layer does not fit")
    name = f"layer{k + 1}"
    mine = [mark for mark in found if mark.name == name or mark.name.startswith(name + "_")]
    return max(mine, key=lambda m: ("pass", "short", "stop").index(m.tone), default=Mark())


def last(found: list[Mark]) -> Mark:
    """The mark of the outputs."""
    return found[-1] if found else Mark()


def arrows(description: str) -> str:
    """`conv 3->12 k4 s2 p2` with a proper arrow."""
    return description.replace("->", " → ")


def size(shape: Iterable[int]) -> str:
    """12 × 16 × 16."""
    return " × ".join(str(n) for n in shape)
