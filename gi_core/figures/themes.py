"""Colours, dashes, signs and patterns of every chart, on a light and on a dark ground.

The series' colours are those of Okabe and Ito (Color Universal Design, 2008), which people with any kind of colour blindness
tell apart. Two of them are darker on the light ground and one is lighter on the dark one, so that each stands out at 3 to 1
at least (WCAG 2.2, 1.4.11). A colour never stands alone: its line has a dash, its dot a sign, its bar a pattern.
"""

from __future__ import annotations

from typing import Any, Literal

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#C46A9C", "#B07900", "#2A91CB")
"""Of the series, by number, as drawings are made: for a light ground."""
INK, QUIET, GREY, LINE, PAPER = "#0E1822", "#4E5A66", "#7A8590", "#D5DBE1", "#FFFFFF"
"""Words; small words; marks across a chart; grid lines; the ground. Light."""
LEVELS = {"exposed": COLOURS[1], "partly": COLOURS[4], "protected": COLOURS[0], "": GREY}
"""How much leaks, as on the pages."""
_DARK = ("#2F8FD0", "#E06A10", "#12AE83", "#CC79A7", "#E69F00", "#56B4E9")
SWAP: dict[str, str] = dict(zip(COLOURS, _DARK, strict=True)) | {
    INK: "#E7ECF0", QUIET: "#A9B5C0", GREY: "#8A949E", LINE: "#323C46", PAPER: "#10151A",
}  # fmt: skip
"""A colour for a light ground -> the same on a dark one. Whatever is not among them stays as it is."""

DASHES = ("solid", "8px,4px", "2px,3px", "10px,3px,2px,3px", "14px,5px", "5px,2px,2px,2px,2px,2px")
SIGNS = ("circle", "square", "triangle-up", "diamond", "x", "star")
PATTERNS = ("", "/", ".", "x", "\\", "-")
FONT = "Source Sans, Source Sans Pro, system-ui, sans-serif"


def colour(number: int) -> str:
    """Of series `number`."""
    return COLOURS[number % len(COLOURS)]


def pattern(shape: str) -> dict[str, Any]:
    """Of a bar: white strokes or dots on its colour."""
    return {
        "shape": shape,
        "fillmode": "overlay",
        "fgcolor": "rgba(255, 255, 255, 0.8)",
        "fgopacity": 1,
        "size": 7,
        "solidity": 0.25,
    }


def pale(hexadecimal: str, opacity: float = 0.18) -> str:
    """The colour as a veil: `rgba(r, g, b, opacity)`, for bands, which need no other on a dark ground."""
    red, green, blue = (int(hexadecimal[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def recoloured(part: Any, theme: Theme) -> Any:
    """A copy of a drawing's part whose colours suit the ground; the component's script does the same in the browser."""
    if theme == "light":
        return part
    if isinstance(part, dict):
        return {key: recoloured(value, theme) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        return [recoloured(value, theme) for value in part]
    return SWAP.get(part, part) if isinstance(part, str) else part


def base() -> dict[str, Any]:
    """The layout that all charts share, for a light ground."""
    axis = {
        "automargin": True, "gridcolor": LINE, "linecolor": LINE, "tickcolor": LINE, "zerolinecolor": LINE, "showline": False,
        "zeroline": False, "showspikes": False, "spikecolor": GREY, "spikethickness": 1, "spikedash": "dot", "spikemode": "across", "tickfont": {"size": 12, "color": QUIET}, "title": {"font": {"size": 12, "color": QUIET}, "standoff": 8},
    }  # fmt: skip
    return {
        "paper_bgcolor": PAPER, "plot_bgcolor": PAPER, "font": {"family": FONT, "size": 13, "color": INK},
        "margin": {"l": 8, "r": 14, "t": 10, "b": 8, "pad": 2}, "hovermode": "closest", "dragmode": "zoom",
        "xaxis": axis, "yaxis": axis, "bargap": 0.28, "separators": ". ",
        "hoverlabel": {"bgcolor": PAPER, "bordercolor": GREY, "font": {"size": 12.5, "color": INK}, "namelength": -1},
        # a legend that is allowed all the room that it needs never scrolls
        "legend": {
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "maxheight": 4000, "bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12, "color": INK}, "itemsizing": "constant", "itemwidth": 40, "traceorder": "normal", "tracegroupgap": 4,
        },
    }  # fmt: skip
