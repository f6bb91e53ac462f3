"""Pictures in a grid for a paper, at a chosen width, with labels and numbers: where each thing stands, in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gi_core.reports import asked, pictures, typeface
from gi_core.reports.parts import Picture
from gi_core.reports.taken import Run
from gi_core.reports.widths import LEAST, MOST, MOST_COLUMNS, MOST_PICTURES, USUAL_COLUMNS, WIDTHS
from gi_core.settings import SpecError

GAP, LEADING, SMALL, LARGE = 1.2, 1.25, 2.1, 2.5
"""Millimetres between pictures; of a line over its letters; sizes of letters (6 and 7 pt)."""


@dataclass(frozen=True)
class Image:
    """pixels: (H, W, 1 or 3) uint8, drawn into the rectangle x, y, width, height (from the top left)."""

    x: float
    y: float
    width: float
    height: float
    pixels: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Words:
    """A line of text whose base line begins at x, y."""

    x: float
    y: float
    size: float
    text: str


@dataclass(frozen=True)
class Grid:
    """width, height: of the whole, in millimetres. title: for who does not see it."""

    width: float
    height: float
    images: tuple[Image, ...]
    words: tuple[Words, ...]
    title: str


def grid(rows: Sequence[Sequence[Picture]], width: float, columns: int | None = None, title: str = "") -> Grid:
    """Rows of pictures, each as wide as its column, its label and its numbers below; a row of more than `columns` goes on in
    the next. Raises SpecError.
    """
    count = sum(map(len, rows))
    if not LEAST <= width <= MOST:
        raise SpecError(f"the width of a figure is {LEAST:g} to {MOST:g} mm, not {width:g}")
    if columns is not None and not 1 <= columns <= MOST_COLUMNS:
        raise SpecError(f"a figure has 1 to {MOST_COLUMNS} columns, not {columns}")
    if not count:
        raise SpecError("there is no picture for a figure: nothing came back yet")
    if count > MOST_PICTURES:
        raise SpecError(f"a figure holds {MOST_PICTURES} pictures at most, not {count}: name fewer runs")
    across = columns or min(USUAL_COLUMNS, max(map(len, rows)))
    lines = [row[k : k + across] for row in rows for k in range(0, len(row), across)]
    side = (width - GAP * (across - 1)) / across
    images: list[Image] = []
    words: list[Words] = []
    y = 0.0
    for line in lines:
        y = _line(line, y, side, images, words) + GAP + 0.8
    return Grid(width, y - GAP, tuple(images), tuple(words), title)


def _line(line: Sequence[Picture], y: float, side: float, images: list[Image], words: list[Words]) -> float:
    """Place one row from y down; where it ends."""
    tall = max(side * p.pixels.shape[0] / p.pixels.shape[1] for p in line)
    below = 0.0
    for k, one in enumerate(line):
        x = k * (side + GAP)
        images.append(Image(x, y, side, side * one.pixels.shape[0] / one.pixels.shape[1], one.pixels))
        at = 0.0
        for text, size in [
            *((t, LARGE) for t in typeface.wrapped(one.title, LARGE, side, 2)),
            (typeface.fitted(one.note, SMALL, side), SMALL),
        ]:
            if text:
                at += size * LEADING
                words.append(Words(x, y + tall + at, size, text))
        below = max(below, at)
    return y + tall + below


def of_runs(
    runs: Sequence[Run], width: float = WIDTHS["one column"], columns: int | None = None, difference: bool = False
) -> Grid:
    """One run: a row for each picture with original, reconstruction and, where wished, difference. Several: a row for each
    private picture, the original first, then the answer of each run that attacked it. Raises SpecError.
    """
    rows: list[list[Picture]]
    if len(runs) == 1:
        shown = pictures.triples(runs[0], MOST_PICTURES // 3)
        rows = [[p for p in row if difference or not p.title.startswith("Difference")] for row in shown]
    else:
        rows = _side_by_side([run for run in runs if run.images is not None])
    return grid(rows, width, columns, " and ".join(asked.title(run) for run in runs[:4]))


def _side_by_side(runs: Sequence[Run]) -> list[list[Picture]]:
    """A row for each original and its answers; runs without one stand for themselves."""
    labels = _labels(runs)
    rows: dict[Any, list[Picture]] = {}
    for number, (run, label) in enumerate(zip(runs, labels, strict=True)):
        assert run.images is not None
        entries = run.result["per_image"] if run.result else []
        for k, image in enumerate(run.images):
            original = run.originals[k] if run.originals is not None and k < len(run.originals) else None
            key = (number, k) if original is None else (original.shape, original.tobytes())
            row = rows.setdefault(key, [] if original is None else [Picture("Original", original)])
            row.append(Picture(label, image, pictures.note(entries[k] if k < len(entries) else {})))
    return list(rows.values())


def _labels(runs: Sequence[Run]) -> list[str]:
    """What tells each run from the others, as it is written on a command line; the attack where nothing does."""
    rows = [row for row in asked.differing(runs) if row[0] not in ("Pictures", "Labels")]
    said = [", ".join(_said(row[0], row[k + 1]) for row in rows) for k in range(len(runs))]
    return [text or asked.attack(run) for text, run in zip(said, runs, strict=True)]


def _said(part: str, value: str) -> str:
    """`gaussian_noise:std=0.1` is gaussian noise std=0.1, which breaks into lines."""
    if part == "Seed":
        return f"seed {value}"
    return (
        "no defense"
        if (part, value) == ("Defenses", "none")
        else value.replace("_", " ").replace(":", " ").replace(",", ", ")
    )
