"""The report of a run, and of several compared."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.common import surroundings
from gi_core.metrics.registry import METRICS, drawn
from gi_core.reports import asked, charts, commands, judging, limits, pictures, protocol, python_only, references
from gi_core.reports.parts import (
    Code,
    Facts,
    Heading,
    Paragraph,
    Part,
    Picture,
    Pictures,
    Report,
    Sentences,
    Table,
    Verdict,
)
from gi_core.reports.repeat import repeat
from gi_core.reports.taken import Run
from gi_core.settings import SpecError
from gi_core.settings.custom import CustomNet

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_RUNS = len(LETTERS)


def report(runs: Sequence[Run]) -> Report:
    """One run, or a comparison of several. Raises SpecError for none, or more than `MOST_RUNS`."""
    if not 1 <= len(runs) <= MOST_RUNS:
        raise SpecError(f"a report compares 1 to {MOST_RUNS} runs, not {len(runs)}: name that many")
    return _one(runs[0]) if len(runs) == 1 else _several(runs)


def _one(run: Run) -> Report:
    parts: list[Part] = [Verdict(judging.level(run), judging.HEADS[judging.level(run)], judging.sentence(run))]
    parts += _pictures(run)
    parts += _numbers(run)
    drawn_ = charts.of_run(run)
    parts += [Heading("How the attack went"), *drawn_] if drawn_ else []
    parts += [Heading("The question", "as it was asked"), Facts(tuple(asked.settings(run)))]
    parts += _defenses([run])
    parts += closing([run])
    return Report(asked.title(run), "Run", asked.lead(run), tuple(parts))


def _pictures(run: Run) -> list[Part]:
    rows = pictures.triples(run)
    if not rows:
        return [Paragraph("No picture came back.")]
    most = max(map(len, rows))
    parts: list[Part] = [Heading("What came back"), Pictures(tuple(p for row in rows for p in row), most)]
    left = len(run.images) - len(rows) if run.images is not None else 0
    if left:
        parts.append(Paragraph(f"{left} more pictures of the batch are not shown."))
    if not run.truth:
        parts.append(Paragraph("The original is withheld: the server never sees it."))
    return parts


def _numbers(run: Run) -> list[Part]:
    result = run.result
    if result is None:
        return []
    parts: list[Part] = []
    found = judging.numbers(result["metrics"])
    if found:
        parts += [
            Heading("In numbers"),
            Table(("Metric", "Value", "What it means"), tuple(found), "Means over the pictures"),
        ]
    if len(result["per_image"]) > 1:
        names = [n for n in drawn("pictures") if any(e.get(n) is not None for e in result["per_image"])]
        rows = tuple((e.get("index", k) + 1, *(e.get(n) for n in names)) for k, e in enumerate(result["per_image"]))
        parts.append(Table(("Picture", *(METRICS[n].axis for n in names)), rows, "Every picture of the batch"))
    parts.append(Heading("What the attacker itself knows"))
    parts.append(Facts(tuple(_evidence(run))))
    return parts


def _evidence(run: Run) -> list[tuple[str, str]]:
    result = run.result
    assert result is not None
    attacker, labels = result["attacker"], result["labels"]
    facts = []
    if attacker["residual"] is not None:
        facts.append(("Unexplained share of the update", f"{100 * attacker['residual']:.3g} %"))
    if attacker["loss"] is not None:
        facts.append(("Loss of its answer", f"{attacker['loss']:.3g}"))
    if labels["recovered"]:
        facts.append(("Labels it read", ", ".join(_label(k, labels["names"]) for k in labels["recovered"][:32])))
    if labels["true"] is not None:
        facts.append(("True labels", ", ".join(_label(k, labels["names"]) for k in labels["true"][:32])))
    if len(result["trials"]) > 1:
        facts.append(("Trials", f"{len(result['trials'])}, ranked by its own loss"))
    facts.append(
        (
            "How it ended",
            f"{result['iterations']} iterations in {result['seconds']:.1f} s; {result['note'] or result['status']}",
        )
    )
    return facts


def _label(number: int, names: Sequence[str]) -> str:
    return f"{number} ({names[number]})" if 0 <= number < len(names) else str(number)


def _defenses(runs: Sequence[Run]) -> list[Part]:
    said = limits.of_defenses(runs)
    return [Heading("The defenses"), Sentences(tuple(said))] if said else []


def _several(runs: Sequence[Run]) -> Report:
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
    parts += _defenses(runs)
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
        (METRICS[n].axis, *(METRICS[n].shown(r.get(n)) for r in results))
        for n in drawn("lab")
        if any(r.get(n) is not None for r in results)
    ]
    times = tuple(f"{run.result['seconds']:.1f} s" if run.result else "no result" for run in runs)
    return [*rows, ("Time of the attack", *times)]


def closing(runs: Sequence[Run]) -> list[Part]:
    """Limits, protocol, surroundings, how to repeat it, and whose work it rests on: the same at the end of each report."""
    parts: list[Part] = [Heading("What this does not say"), Sentences(tuple(limits.of_runs(runs)))]
    parts += [Heading("How it was measured"), Sentences(protocol.SENTENCES)]
    parts += [Heading("Made with"), Facts(tuple(made(runs)))]
    parts += again(runs)
    entries = references.of_runs(runs)
    if entries:
        parts += [Heading("References", "of the methods that were used"), Sentences(tuple(e.line for e in entries))]
        parts.append(Code(references.bibtex(entries), "bibtex", "As BibTeX"))
    return parts


def made(runs: Sequence[Run], about: str = "") -> list[tuple[str, str]]:
    """Versions, seeds and hardware of runs. about: the id of what they belong to."""
    devices = sorted({run.result["device"] for run in runs if run.result and run.result["device"]})
    names = about or ", ".join(run.id for run in runs if run.id)
    facts = [("Id", names)] if names else []
    facts.append(("Seed", ", ".join(dict.fromkeys(str(run.spec.get("seed", 0)) for run in runs))))
    if devices:
        facts.append(("Device", ", ".join(devices)))
    makers = {tuple(sorted(made.items())) for run in runs if (made := _maker(run))}
    for maker in makers:
        facts.append(("Computed with", ", ".join(f"{name} {value}" for name, value in maker)))
    facts.append(("Report written with", ", ".join(f"{k} {v}" for k, v in surroundings.versions().items())))
    return facts


def _maker(run: Run) -> dict[str, str]:
    return run.result.get("made_with", {}) if run.result else {}


def again(runs: Sequence[Run]) -> list[Part]:
    """The command line and the Python that ask each run again."""
    if not all(run.truth for run in runs):
        return [
            Heading("To repeat it"),
            Paragraph("The question is left out here, since it names the private picture."),
        ]
    parts: list[Part] = [
        Heading("To repeat it", "same versions, same device, same plan: the same pictures, bit for bit")
    ]
    for letter, run in zip(LETTERS, runs, strict=False):
        experiment = asked.experiment(run)
        if experiment is None:
            continue
        if len(runs) > 1:
            parts.append(Paragraph(f"Run {letter}:"))
        if python_only.is_held(experiment):
            parts.append(Paragraph(python_only.NO_COMMAND))
        else:
            parts.append(Code(commands.command(experiment), "bash"))
        if isinstance(experiment.model, CustomNet):
            parts.append(Code(commands.network_file(experiment.model), "json", "The file network.json"))
        result = run.result
        parts.append(
            Code(repeat(run.spec, result["plan"] if result else None, result["device"] if result else ""), "python")
        )
    return parts
