"""The check of a deployment as a document of two pages: finding, pictures, table, limits, glossary, how to repeat it."""

from __future__ import annotations

from collections.abc import Sequence

from gi_core.deployment import ASKED, Deployment, Finding
from gi_core.deployment.cases import MEASURES, THREATS
from gi_core.deployment.finding import Outcome
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
    ("A person would see", "Likeness to the original above a stated threshold (SSIM 0.5 or PSNR 25 dB)."),
    ("Interval", "Where the share lies with 95 % probability of the method, given so few updates (Wilson)."),
    ("Secure aggregation", "The server sees only the sum of several clients' updates."),
    ("DP-SGD", "Each picture's influence is bounded and hidden in noise; epsilon says how much, less is safer."),
    ("Fishing", "The server changes the network so that one picture alone moves it."),
)
GUIDANCE = (
    "The questions of the EDPS's TechDispatch on federated learning, of NIST's writings on privacy-preserving federated learning and of the"
    " ICO's guidance on privacy-enhancing technologies that this answers: can personal data be inferred from what is exchanged, by whom, and"
    " what do the measures at hand change? It does not answer whether the trained model leaks later, who is accountable, or whether the"
    " processing is lawful."
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
        Heading("What was measured"), Table(("Threat", "Measure", "Pictures behind an update", "Came back so that a person would see it"), rows(finding.outcomes)),
        Heading("What was described"), Facts(tuple((one.text, one.answer(getattr(asked, name))) for name, one in ASKED.items())),
        Heading("What this does not say"), Sentences(finding.limits), Paragraph(GUIDANCE),
        Heading("Words"), Facts(GLOSSARY),
        Heading("How to repeat it"), Code(command(asked), "bash"),
    ]  # fmt: skip
    return Report(
        "Can a server read this deployment's pictures?",
        "check of a deployment",
        "In federated learning clients keep their pictures and send what a network learnt from them. What follows was measured for the deployment that is described below.",
        tuple(parts),
    )


def rows(outcomes: Sequence[Outcome]) -> tuple[tuple[str, ...], ...]:
    """Each case as a person reads it."""
    return tuple(
        (THREATS[one.case.threat], MEASURES[one.case.measure], str(one.case.pictures), one.share) for one in outcomes
    )


def pictures(finding: Finding, store: Store) -> list[Picture]:
    """Original and copy of the best run of each threat."""
    found: list[Picture] = []
    for one in finding.threats:
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


def command(asked: Deployment) -> str:
    """The line that measures it again."""
    options = [f"--{name} {getattr(asked, name)}" for name in ASKED if getattr(asked, name) != "unknown"]
    return " ".join(["python -m gi_core check-deployment", *options])
