"""What a report is made of, whatever it is about and however it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gi_core.metrics.words import Level

SIGNS: dict[Level, str] = {"exposed": "●", "partly": "◐", "protected": "○", "unknown": "?"}
"""Beside the colour, so that the level does not rest on colour alone."""


@dataclass(frozen=True)
class Heading:
    """A section's title. about: a few words beside it."""

    title: str
    about: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Sentences of their own."""

    text: str


@dataclass(frozen=True)
class Sentences:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The answer, large: in a few words, then in a sentence."""

    level: Level
    head: str
    text: str = ""


@dataclass(frozen=True)
class Picture:
    """pixels: (H, W, 1 or 3) uint8, shown losslessly and enlarged without blur. note: numbers below it."""

    title: str
    pixels: np.ndarray
    note: str = ""


@dataclass(frozen=True)
class Pictures:
    """Pictures beside each other, so many in a row."""

    items: tuple[Picture, ...]
    columns: int = 3


@dataclass(frozen=True)
class Table:
    """Cells are text, numbers or None for what is not known. caption: what the rows are."""

    head: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Facts:
    """Names with what they are."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Chart:
    """A figure as plotly's JSON in both colour schemes, drawn by the reader's browser. alt: what it shows, in words."""

    light: dict[str, Any] = field(repr=False)
    dark: dict[str, Any] = field(repr=False)
    title: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Code:
    """Text to copy. language: bash, python, json, bibtex or latex. folded: what it is, where it is shown only when asked for."""

    text: str
    language: str
    folded: str = ""


Part = Heading | Paragraph | Sentences | Verdict | Pictures | Table | Facts | Chart | Code


@dataclass(frozen=True)
class Report:
    """title: of the document. kind: what it is about, in a word. lead: the question, in words. dense: small print, for two pages of paper."""

    title: str
    kind: str
    lead: str
    parts: tuple[Part, ...]
    dense: bool = False
