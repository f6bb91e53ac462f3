"""One page for a decision maker, in plain words: what was asked, what came back, how bad, how sure, what helps, and the limits.

It never calls anything safe: what one attack did not recover may still be recovered, and what was not measured is not known.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gi_core.common import surroundings
from gi_core.reports import asked, judging, limits
from gi_core.reports.page import HEAD, policy, text
from gi_core.reports.page import style as style_of
from gi_core.reports.parts import SIGNS, Level, Picture
from gi_core.reports.pictures import uri
from gi_core.reports.taken import Run
from gi_core.settings import DEFENSES, SpecError
from gi_core.settings.ceiling import percent

MOST_PICTURES = 4
_LETTERS = {"title": 90, "asked": 380, "head": 80, "text": 220, "column": 500, "limits": 400}
"""Most letters of each part, so that all of it fits on a page."""
_FOUND = {
    "exact": "came back so exactly that nobody could tell the copy from the original",
    "seen": "came back so that a person would see what it shows",
    "traces": "left only traces that a person would see",
    "found": "came back so that a person would see nothing, yet a machine picks it out among other pictures",
    "not seen": "did not come back: neither would a person see it nor does a machine pick it out",
}


@dataclass(frozen=True)
class Summary:
    """The page. Texts may be of any length: what does not fit is cut at a word, and says so."""

    title: str
    asked: str
    level: Level
    head: str
    how_bad: str
    how_sure: Sequence[str]
    helps: Sequence[str]
    limits: Sequence[str]
    pictures: Sequence[Picture] = field(default=(), repr=False)
    source: str = ""


def of_runs(runs: Sequence[Run]) -> Summary:
    """The summary of one run, or of several together. Raises SpecError for none."""
    if not runs:
        raise SpecError("a summary is about one run or more: name one")
    level = judging.worst(judging.level(run) for run in runs)
    several, sure = len(runs) > 1, _sure(runs)
    return Summary(
        title=f"{len(runs)} runs: what a server could read back" if several else f"What a server could read back: {asked.title(runs[0])}",
        asked=(f"{len(runs)} attacks were run. The first: " if several else "") + asked.lead(runs[0], short=True),
        level=level, head=_head(level, runs), how_bad=_bad(runs), how_sure=sure, helps=helps(runs),
        limits=[said for said in limits.of_runs(runs) if said not in sure], pictures=summary_pictures(runs), source=", ".join(run.id for run in runs[:6] if run.id),
    )  # fmt: skip


def _head(level: Level, runs: Sequence[Run]) -> str:
    if level == "unknown":
        return "Not known: how much leaks could not be measured"
    return {
        "exposed": "Exposed: private pictures can be read back",
        "partly": "Partly exposed: something of the pictures leaks",
        "protected": "This attack did not read the pictures back, which is no proof that none can",
    }[level]


def _bad(runs: Sequence[Run]) -> str:
    """How many pictures came back how well."""
    found = judging.counts(runs)
    total = sum(len(run.spec.get("samples") or ()) for run in runs)
    if not found:
        return " ".join(dict.fromkeys(judging.sentence(run) for run in runs))
    first = next(iter(found))
    if total == 1:
        return f"The picture {_FOUND[first]}."
    if found[first] == total:
        return f"All {total} pictures {_FOUND[first]}."
    parts = [f"{count} of {total} {_FOUND[name]}" for name, count in found.items()]
    left = total - sum(found.values())
    parts += [f"{left} of {total} could not be measured"] if left else []
    return "Of the pictures, " + "; ".join(parts) + "."


def _sure(runs: Sequence[Run]) -> list[str]:
    """What the statement rests on."""
    pictures = sum(len(run.spec.get("samples") or ()) for run in runs)
    trials = sum(len(run.result["trials"]) for run in runs if run.result)
    found = [
        f"Measured on {_count(pictures, 'picture')} in {_count(len(runs), 'run')} with {_count(trials, 'start')} of the attack."
    ]
    one = next((run for run in runs if run.result), None)
    numbers = (
        [f"{title} {value}" for title, value, _ in judging.numbers(one.result["metrics"]) if value != "not measured"]
        if one and one.result
        else []
    )
    if numbers and len(runs) == 1:
        found.append("In numbers: " + ", ".join(numbers[:4]) + ".")
    residuals = [run.result["attacker"]["residual"] for run in runs if run.result]
    known = [r for r in residuals if r is not None]
    if known:
        least = min(known)
        sure = (
            "the server itself can tell that its copy is right"
            if least < 1e-3
            else "the server cannot be sure of its copy"
        )
        found.append(f"The copy leaves {percent(least)} of the update unexplained: {sure}.")
    lacking = sorted({title for run in runs if run.result and run.truth for title in judging.unmeasured(run)})
    if lacking:
        found.append(f"Not measured: {', '.join(lacking)}.")
    return found


def helps(runs: Sequence[Run]) -> list[str]:
    """What was done against it and did what, and what else could be measured; never a promise."""
    level = judging.worst(judging.level(run) for run in runs)
    used = limits.of_defenses(runs)
    asked_for = any(run.spec.get("defenses") for run in runs)
    found = [f"Used here: {said}" for said in used]
    known = any((run.spec.get("attack") or {}).get("adaptive") for run in runs)
    if asked_for and not used:
        found.append("What the defenses of the client did is not told here.")
    if used and not known:
        found.append("The attacker here did not know the defense; one who does may do better.")
    if used and level in ("exposed", "partly"):
        found.append("What was used did not stop this attack.")
    if not asked_for:
        found.append("No defense was used in what is shown, so what would help was not measured here.")
    private = DEFENSES["dp_sgd"].title
    found.append(
        f"To be measured next: larger batches, more local steps, sums over clients, and {private}, the one with a proof."
    )
    return found


def summary_pictures(runs: Sequence[Run]) -> list[Picture]:
    """Pairs of original and copy, the most exposed run first; the copy alone where the original is withheld or unknown."""
    found: list[Picture] = []
    for run in sorted(runs, key=lambda r: judging.ORDER.index(judging.level(r))):
        for k, image in enumerate(run.images if run.images is not None else ()):
            if run.originals is not None and k < len(run.originals):
                found.append(Picture("Private picture", run.originals[k]))
            found.append(Picture("What the server got", image))
            if len(found) >= MOST_PICTURES:
                return found[:MOST_PICTURES]
    return found


def html_summary(summary: Summary) -> str:
    """The page as one HTML file without scripts. It is exactly one page of A4 when it is printed."""
    shown = "".join(
        f'<figure><img src="{uri(p.pixels)}" alt="{text(p.title)}"><figcaption>{text(p.title)}</figcaption></figure>'
        for p in summary.pictures
    )
    lists = (
        ("How sure is this", summary.how_sure), ("What helps", summary.helps), ("What this does not say", summary.limits),
    )  # fmt: skip
    columns = "".join(
        f"<section><h2>{title}</h2><ul>{_items(items, _LETTERS['column'])}</ul></section>" for title, items in lists[:2]
    )
    day = time.strftime("%d %B %Y", time.gmtime())
    source = f" from {summary.source}" if summary.source else ""
    return _PAGE.format(
        policy=policy(()), style=style_of("summary.css"), title=_cut(summary.title, "title"), asked=_cut(summary.asked, "asked"),
        level=summary.level, sign=SIGNS[summary.level], head=_cut(summary.head, "head"), bad=_cut(summary.how_bad, "text"),
        pictures=f'<div class="pictures">{shown}</div>' if shown else "<p>There is no picture to show.</p>", columns=columns,
        limits=f"<section><h2>{lists[2][0]}</h2><ul>{_items(lists[2][1], _LETTERS['limits'])}</ul></section>",
        footer=text(f"Gradient Inversion Studio {surroundings.versions()['gradient-inversion-studio']}{source}, written on {day}. A measurement, not a certificate."),
    )  # fmt: skip


_PAGE = (
    HEAD.replace("{more}", "")
    + """<div><p class="kind">Summary on one page</p>
<h1>{title}</h1></div>
<section><h2>What was asked</h2><p>In federated learning a client keeps its pictures and sends only what a network learnt from
them. Can the server that receives this see the pictures? {asked}</p></section>
<div class="verdict {level}"><b><i aria-hidden="true">{sign}</i>{head}</b><p>{bad}</p></div>
<section><h2>What came back</h2>{pictures}</section>
<div class="columns">{columns}</div>
{limits}
<footer>{footer}</footer>
</main></body></html>
"""
)


def _items(items: Sequence[str], most: int) -> str:
    left, shown = most, []
    for item in items:
        if left < 40:
            break
        shown.append(f"<li>{text(textwrap.shorten(item, left, placeholder=' …'))}</li>")
        left -= len(item) + 30  # what a line of its own takes
    return "".join(shown)


def _cut(words: str, part: str) -> str:
    return text(textwrap.shorten(words, _LETTERS[part], placeholder=" …")) or text(words[: _LETTERS[part]] + "…")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
