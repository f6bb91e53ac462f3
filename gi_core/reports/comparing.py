"""The report of several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.metrics import claims
from gi_core.metrics.registry import METRICS, drawn
from gi_core.reports import asked, charts, judging, pictures
from gi_core.reports.ending import LETTERS, closing, defenses
from gi_core.reports.parts import Heading, Paragraph, Part, Picture, Pictures, Report, Sentences, Table, Verdict
from gi_core.reports.taken import Run


def report(runs: Sequence[Run]) -> Report:
    """The runs, told apart by letters."""
    levels = [judging.level(run) for run in runs]
    names = [f"{letter}: {asked.title(run)}" for letter, run in zip(LETTERS, runs, strict=False)]
    level = judging.worst(levels)
    said = "; ".join(f"{letter} {judging.HEADS[one].lower()}" for letter, one in zip(LETTERS, levels, strict=False))
    parts: list[Part] = [Verdict(level, f"{len(runs)} runs compared", f"{said}.")]
    parts.append(Sentences(tuple(f"{name}. {judging.sentence(run)}" for name, run in zip(names, runs, strict=True))))
    parts += [Heading("What came back"), Pictures(tuple(_row(runs)), min(len(runs) + 1, 6))]
    parts += [Heading("What was asked differently", "settings that are equal are left out")]
    changed = asked.differing(runs)
    head = ("", *LETTERS[: len(runs)])
    parts.append(Table(head, tuple(changed), "Settings") if changed else Paragraph("Nothing: the runs ask the same."))
    parts += [Heading("In numbers"), Table(head, tuple(_compared(runs)), "Means over the pictures of each run")]
    together = charts.of_runs(runs)
    parts += [Heading("How the attacks went"), *together] if together else []
    parts += defenses(runs)
    parts += closing(runs)
    return Report(
        " and ".join(names) if len(runs) == 2 else f"{len(runs)} runs compared",
        "Comparison",
        asked.lead(runs[0]),
        tuple(parts),
    )


def _row(runs: Sequence[Run]) -> list[Picture]:
    """The first picture of each run, the original of the first before it where all have the same."""
    found = []
    first = runs[0].originals
    if first is not None and all(
        r.originals is not None and r.originals[0].shape == first[0].shape and (r.originals[0] == first[0]).all()
        for r in runs
    ):
        found.append(Picture("Original", first[0]))
    for letter, run in zip(LETTERS, runs, strict=False):
        if run.images is not None:
            entry = run.result["per_image"][0] if run.result and run.result["per_image"] else {}
            found.append(Picture(letter, run.images[0], pictures.note(entry)))
    return found


def _compared(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    results = [run.result["metrics"] if run.result else {} for run in runs]
    rows: list[tuple[str, ...]] = [
        ("Words", *(claims.sentence(claims.words_of(run.result)) if run.result else "" for run in runs))
    ]
    rows += [
        (METRICS[n].axis, *(METRICS[n].shown(r.get(n)) for r in results))
        for n in drawn("lab")
        if any(r.get(n) is not None for r in results)
    ]
    times = tuple(f"{run.result['seconds']:.1f} s" if run.result else "no result" for run in runs)
    return [*rows, ("Time of the attack", *times)]
