"""How every report of runs ends: defenses, limits, protocol, surroundings, how to repeat it, and whose work it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.common import surroundings
from gi_core.reports import asked, commands, limits, protocol, python_only, references
from gi_core.reports.parts import Code, Facts, Heading, Paragraph, Part, Sentences
from gi_core.reports.repeat import repeat
from gi_core.reports.taken import Run
from gi_core.settings.custom import CustomNet

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of runs that are compared."""


def defenses(runs: Sequence[Run]) -> list[Part]:
    said = limits.of_defenses(runs)
    return [Heading("The defenses"), Sentences(tuple(said))] if said else []


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
