"""A chart as plain values: what pages send to the browser, and what a plotly figure is made of. No plotly here.

A `Figure` checks each of its properties when it is made, which takes 12 ms for six lines and would be most of what a live page
costs; a drawing checks nothing, and every drawing is checked by the tests.
"""

from __future__ import annotations

import hashlib
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gi_core.figures.themes import INK, QUIET, Theme, base, recoloured

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Trace = dict[str, Any]
Layout = dict[str, Any]
WIDTH = 760
"""Pixels of a figure outside a page."""
_LETTER, _CAPITAL = 6.4, 9.0
"""Mean widths in pixels of a letter of legend and caption, and of the title, for how many lines they take."""


@dataclass(frozen=True)
class Drawing:
    """One chart.

    name: in the registry. title: what it shows. alt: the same for who does not see it. traces, layout: in plotly's words,
    coloured for a light ground. caption: the settings behind it. height: pixels.
    """

    name: str
    title: str
    alt: str
    traces: Sequence[Trace]
    layout: Layout
    caption: str = ""
    height: int = 260

    def under(self, caption: str) -> Drawing:
        """The same with that caption."""
        return replace(self, caption=caption)

    def document(self, theme: Theme = "light", titled: bool = True, width: int = WIDTH) -> dict[str, Any]:
        """`{data, layout}` as JSON knows them. titled: with title and caption above the chart; width: pixels, for their lines.

        layout.meta holds name, title, alt and caption, whether they are drawn or not.
        """
        layout = merged(base(), self.layout)
        if layout["hovermode"] == "x unified":
            layout["xaxis"]["showspikes"] = True  # a line says where the values are read
        layout["meta"] = {"name": self.name, "title": self.title, "alt": self.alt, "caption": self.caption}
        layout["height"], extra = self.height, 0
        if titled:
            head, extra = _head(self, width)
            layout = merged(layout, head)
            layout["height"] += extra
        traces = [{**trace, "uid": identity(trace["uid"])} for trace in self.traces]
        return {"data": recoloured(traces, theme), "layout": recoloured(layout, theme)}

    def figure(self, theme: Theme = "light", width: int | None = None) -> Figure:
        """The plotly figure, with title and caption. width: pixels; its own, or `WIDTH`, where it is None. Raises ValueError for a drawing that plotly does not understand."""
        from plotly.graph_objects import Figure

        width = width or self.layout.get("width", WIDTH)
        document = self.document(theme, width=width)
        # templates would change what is not set here, and weigh 6 kB in every file
        return Figure(data=document["data"], layout={**document["layout"], "template": "none", "width": width})


def _head(drawing: Drawing, width: int) -> tuple[Layout, int]:
    """Title and caption above the legend, and how many pixels higher the figure is for them."""
    heading = textwrap.wrap(drawing.title, max(20, int((width - 40) / _CAPITAL)))
    lines = textwrap.wrap(drawing.caption, max(20, int((width - 40) / _LETTER)))
    room = 14 + 20 * len(heading) + 17 * len(lines)
    title = {
        "text": f"<b>{'<br>'.join(map(text, heading))}</b>", "x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container",
        "yanchor": "top", "pad": {"t": 10 + 16 * (len(heading) - 1), "l": 12}, "font": {"size": 16, "color": INK},
        "subtitle": {"text": "<br>".join(map(text, lines)), "font": {"size": 12, "color": QUIET}},
    }  # fmt: skip
    top = room + legend_height(drawing, width)
    given = drawing.layout.get("margin", {}).get("t", 10)
    return {"title": title, "margin": {"t": top + given}}, top


def legend_height(drawing: Drawing, width: int = WIDTH) -> int:
    """Pixels that the legend takes above the chart, about."""
    names = [str(t.get("name", "")) for t in drawing.traces if t.get("showlegend", True)]
    shown = drawing.layout.get("showlegend", len(names) > 1)
    if not shown or not names:
        return 0
    across = max(1, int((width - 40) // (_LETTER * max(map(len, names)) + 62)))
    return 20 * math.ceil(len(names) / across) + 6


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping: over's values before under's, inside mappings too. Axes beyond the first take after the first."""
    found = dict(under)
    for key, value in over.items():
        below = found.get(key, under.get(key[:5]) if key[:5] in ("xaxis", "yaxis") else None)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        found[key] = merged(below, value) if both else value  # type: ignore[arg-type]
    return found


def text(words: str) -> str:
    """Words of a person in a chart: plotly reads some HTML, of which nothing may come from there."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(words: str, letters: int = 24) -> str:
    """A name that fits below an axis or into a legend, its middle left out; the whole of it belongs into the hover."""
    if len(words) <= letters:
        return words
    head = (letters - 1) // 2
    return f"{words[:head]}…{words[len(words) - (letters - 1 - head) :]}"


def identity(words: str) -> str:
    """A trace's `uid`, by which it keeps what a person did to it: a name in letters and digits, as plotly looks it up by CSS."""
    return "u" + hashlib.blake2s(words.encode(), digest_size=6).hexdigest()
