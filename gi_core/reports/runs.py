"""The report of a run, and of several compared."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.metrics.claims import told, words_of
from gi_core.metrics.registry import METRICS, drawn
from gi_core.reports import asked, attempts, charts, comparing, judging, pictures
from gi_core.reports.ending import LETTERS, closing, defenses
from gi_core.reports.parts import Facts, Heading, Paragraph, Part, Pictures, Report, Table, Verdict
from gi_core.reports.taken import Run
from gi_core.settings import SpecError
from gi_core.settings.ceiling import percent

MOST_RUNS = len(LETTERS)


def report(runs: Sequence[Run]) -> Report:
    """One run, or a comparison of several. Raises SpecError for none, or more than `MOST_RUNS`."""
    if not 1 <= len(runs) <= MOST_RUNS:
        raise SpecError(f"a report compares 1 to {MOST_RUNS} runs, not {len(runs)}: name that many")
    return _one(runs[0]) if len(runs) == 1 else comparing.report(runs)


def _one(run: Run) -> Report:
    parts: list[Part] = [Verdict(judging.level(run), judging.HEADS[judging.level(run)], judging.sentence(run))]
    parts += _pictures(run)
    parts += _numbers(run)
    drawn_ = charts.of_run(run)
    parts += [Heading("How the attack went"), *drawn_] if drawn_ else []
    parts += [Heading("The question", "as it was asked"), Facts(tuple(asked.settings(run)))]
    parts += defenses([run])
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
    tried = attempts.rows(result["attacker"].get("tried", []))
    if tried:
        rows = tuple((r.title + (" (kept)" if r.best else ""), r.left, f"{r.seconds:.1f}", r.why) for r in tried)
        parts += [Heading("What was tried", "in this order"), Table(attempts.HEAD, rows)]
    return parts


def _evidence(run: Run) -> list[tuple[str, str]]:
    result = run.result
    assert result is not None
    attacker, labels = result["attacker"], result["labels"]
    facts = list[tuple[str, str]]()
    if attacker["residual"] is not None:
        facts.append(("Unexplained share of the update", percent(attacker["residual"])))
    known = told(words_of(result), run.truth and bool(result["per_image"]))
    facts.append(("Matched, unique" + (", right" if run.truth else ""), known or "not known"))
    if "certainty" in attacker:
        facts.append(("What follows", attacker["certainty"]["sentence"]))
    if attacker.get("verdict"):
        facts.append(("What it calls its answer", attacker["verdict"]))
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
