"""The check of a deployment as a document to file: finding, pictures, table, limits, glossary, how to repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gi_core import __version__
from gi_core.deployment import ASKED, Deployment, Finding
from gi_core.deployment.cases import MEASURES, THREATS
from gi_core.deployment.outcome import Outcome
from gi_core.deployment.questions import UNKNOWN
from gi_core.jobs.store import Store
from gi_core.reports import taken
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

MOST_PAIRS = 2
GLOSSARY = (
    ("Update", "What a client sends in place of its pictures: a gradient, or how its weights changed."),
    (
        "A person would see",
        "Likeness to the original of SSIM 0.5 or PSNR 25 dB, and more than a blank picture of its colour has.",
    ),
    ("Interval", "Where the share lies with 95 % probability of the method, given so few updates (Wilson)."),
    ("Secure aggregation", "The server sees only the sum of several clients' updates."),
    ("DP-SGD", "Each picture's influence is bounded and hidden in noise; epsilon says how much, less is safer."),
)
GUIDANCE = (
    (
        "Read for this",
        "EDPS, TechDispatch 1/2025, Federated Learning. NIST and the UK's Responsible Technology Adoption Unit, series on privacy-preserving"
        " federated learning. ICO, guidance on privacy-enhancing technologies, chapter on federated learning.",
    ),
    (
        "Answered here",
        "Can personal pictures be inferred from the updates that are exchanged? By a server that only reads, and by one that changes what"
        " it sends? What does each measure at hand change, how surely, and what does it cost of accuracy?",
    ),
    (
        "Not answered here",
        "Whether the trained model leaks later; whether a person took part (membership); what other clients, or somebody on the line, can"
        " read; poisoning; who is the controller; whether the processing is lawful, fair, and needed.",
    ),
)


def report(asked: Deployment, finding: Finding, store: Store | None = None) -> Report:
    """The document. store: where the runs are, for the pictures."""
    parts: list[Part] = [Verdict(finding.level, finding.head, finding.text)]
    shown = pictures(finding, store) if store is not None else []
    if shown:
        parts.append(Pictures(tuple(shown), 2 * MOST_PAIRS))
    if finding.advice:
        parts += [Heading("What to do"), Paragraph(finding.advice)]
    parts += [
        Heading("What was measured"), Table(*matrix(finding.outcomes), "Updates of which a person would see a picture, with the 95 % interval of that share."),
        Heading("What was described"), Facts(described(asked)),
        Heading("What this does not say"), Sentences(finding.limits),
        Heading("Questions of public guidance"), Facts(GUIDANCE),
        Heading("Words"), Facts(GLOSSARY),
        Heading("How to repeat it"), Code(command(asked), "bash"), Facts((("Written", f"{datetime.now(UTC):%Y-%m-%d}, version {__version__}"),)),
    ]  # fmt: skip
    return Report(
        "Can a server read this deployment's pictures?",
        "check of a deployment",
        "In federated learning clients keep their pictures and send what a network learnt from them. What follows was measured for the deployment that is described below.",
        tuple(parts),
        dense=True,
    )


def matrix(outcomes: Sequence[Outcome]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """(head, rows): a row for each measure, a column for each threat, in words."""
    heads, lines = cells(outcomes)
    return heads, tuple((label, *(one.share if one else "not tried" for one in its)) for label, its in lines)


def cells(
    outcomes: Sequence[Outcome],
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[Outcome | None, ...]], ...]]:
    """(head, rows): a measure, and what came of it for each threat; None where it was not tried."""
    threats = list(dict.fromkeys(one.case.threat for one in outcomes))
    rows = []
    for measure in dict.fromkeys(one.case.measure for one in outcomes):
        its = {one.case.threat: one for one in outcomes if one.case.measure == measure}
        behind = next(iter(its.values())).case.pictures
        label = f"{MEASURES[measure]} ({behind} picture{'s' * (behind > 1)} behind an update)"
        rows.append((label, tuple(its.get(threat) for threat in threats)))
    return ("Measure", *(THREATS[threat] for threat in threats)), tuple(rows)


def pictures(finding: Finding, store: Store) -> list[Picture]:
    """Original and copy of the best run of each threat."""
    found: list[Picture] = []
    for one in sorted(finding.threats, key=lambda one: -one.seen):
        job = store.job(one.best) if one.best else None
        run = taken.of_job(store, job) if job is not None else None
        if run is None or run.images is None or run.originals is None or len(found) >= 2 * MOST_PAIRS:
            continue
        best = _best(run)
        found += [
            Picture("Private picture", run.originals[best]),
            Picture("What the server got", run.images[best], one.case.title),
        ]
    return found


def _best(run: taken.Run) -> int:
    each = run.result["per_image"] if run.result else []
    return max(range(len(each)), key=lambda k: each[k].get("ssim") or 0.0, default=0)


def described(asked: Deployment) -> tuple[tuple[str, str], ...]:
    """Questions with their answers. Those not known are among the limits, with what they were taken as."""
    known = [
        (one.text, one.answer(getattr(asked, name))) for name, one in ASKED.items() if getattr(asked, name) != UNKNOWN
    ]
    return tuple(known) or (("All questions", "Don't know"),)


def command(asked: Deployment) -> str:
    """The line that measures it again."""
    options = [f"--{name} {getattr(asked, name)}" for name in ASKED if getattr(asked, name) != UNKNOWN]
    return " ".join(["python -m gi_core check-deployment", *options])
