"""One cell of the wall: what came back, its score, and in a sign and a word how much that gives away."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gi_core.jobs.sweeps import MISSING, REFUSED, Entry
from gi_core.metrics.registry import shown
from gi_core.metrics.verdicts import of_result
from gi_core.metrics.words import Said
from pages.shared import pictures, telling, words
from pages.shared.experiment import meter
from pages.shared.result import trials, viewer
from pages.shared.result.source import StoredRun
from pages.shared.session import store
from pages.wall.layout import Layout, T

MOST = 90
"""Letters of a reason that fit where the picture would stand."""


@dataclass(frozen=True)
class Cell:
    """run: its id. level: of `Said`, "" while nothing is measured. sign, word, score: what stands under the picture.

    reason: why there is nothing. meaning: of the word. beside: SSIM, on which the word rests, where another score is shown. share: of its iterations. iteration, trial: of the picture, None without one.
    image: the picture itself, (H, W, C), where no run keeps it.
    """

    run: str = ""
    level: str = ""
    sign: str = ""
    word: str = ""
    score: str = ""
    reason: str = ""
    share: float | None = None
    source: StoredRun | None = None
    iteration: int | None = None
    trial: int = 0
    image: np.ndarray | None = None
    meaning: str = ""
    beside: str = ""

    def picture(self) -> str | None:
        """The picture as a data URI."""
        if self.image is not None:
            return pictures.uri(self.image)
        if self.source is None or self.iteration is None:
            return None
        return viewer.frame(self.run, self.iteration, self.trial, None, self.source, viewer.order(self.source))

    def pixels(self) -> np.ndarray | None:
        """(H, W, C) uint8, the pictures of a batch tiled in the order of their originals."""
        images = self.source.snapshot(self.iteration) if self.source and self.iteration is not None else None
        if images is None or self.source is None:
            return None
        batch, order = images[min(self.trial, len(images) - 1)], viewer.order(self.source)
        return viewer.select(batch[list(order)] if order else batch, None)


def read(entry: Entry | None, metric: str) -> Cell:
    """The cell as it stands. metric: whose value is its score."""
    if entry is None:
        return Cell(sign="–", word="not asked")
    if entry.state in (REFUSED, MISSING):
        refused = entry.state == REFUSED
        return Cell(
            sign="–", word="not possible" if refused else "deleted", reason=telling.sentence(entry.refused or "")
        )
    job = entry.job
    assert job is not None
    source = StoredRun(store(), job)
    kept = source.snapshots()
    last, trial = (kept[-1] if kept else None), trials.best(job)
    if job.run_result is not None and job.state == "done":
        return replace(
            judged(of_result(job.run_result), job.metrics, metric), run=job.id, source=source, iteration=last,
            trial=trial,
        )  # fmt: skip
    sign, word = words.state(job)
    done, total = job.progress.get("iteration") or 0, job.progress.get("iterations") or 0
    share = min(1.0, done / total) if total and not job.over else None
    reason = telling.sentence(job.error) if job.state == "failed" and job.error else ""
    return Cell(job.id, "", sign, word, "", reason, share, source, last, trial)


def judged(said: Said, metrics: dict[str, Any], metric: str) -> Cell:
    """What a finished run's numbers say, without its picture. SSIM stands beside another score, as the words rest on it."""
    score, ssim = shown(metric, metrics.get(metric)), metrics.get("ssim")
    beside = f"SSIM {ssim:.2f}" if metric != "ssim" and ssim is not None else ""
    level = said.level if said else ""
    return Cell(
        "", level, meter.SIGNS.get(level, "✓"), said.label or "done", score, meaning=said.meaning, beside=beside
    )


def table(
    found: Layout, entries: Sequence[T], metric: str, reader: Callable[[T | None, str], Cell]
) -> dict[tuple[int, int, bool], Cell]:
    """(row, column, whether the attacker knows) -> its cell, for all of them. entries: a sweep's, in order."""
    places = itertools.product(range(len(found.rows)), range(len(found.columns)), (False, True))
    return {place: reader(found.entry(entries, *place), metric) for place in places}


def draw(cell: Cell, name: str) -> str:
    """HTML. name: attack and defense, for those who do not see where it stands."""
    picture = cell.picture()
    seen = f'<img src="{picture}" alt="">' if picture else f'<span class="gi-blank">{_blank(cell)}</span>'
    bar = f'<i class="gi-part"><i style="width:{100 * cell.share:.0f}%"></i></i>' if cell.share is not None else ""
    said = f"{name}: {cell.word} {cell.score}"
    inside = (
        f"{seen}{bar}<b>{words.escape(cell.score)}</b>{f'<small>{words.escape(cell.beside)}</small>' if cell.beside else ''}"
        f'<span class="gi-word"><i aria-hidden="true">{cell.sign}</i> {words.escape(cell.word)}</span>'
    )
    kind = f"gi-shot gi-{cell.level or 'open'}"
    if not cell.run:
        return f'<div class="{kind}" title="{words.escape(cell.reason)}">{inside}</div>'
    hint = words.escape(
        f"{telling.sentence(cell.reason or ': '.join(filter(None, (said, cell.meaning))))} Opens the run."
    )
    return f'<a class="{kind}" href="./?run={cell.run}" title="{hint}" aria-label="{words.escape(said)}">{inside}</a>'


def _blank(cell: Cell) -> str:
    return words.escape(cell.reason[:MOST] + "…" if len(cell.reason) > MOST else cell.reason)
