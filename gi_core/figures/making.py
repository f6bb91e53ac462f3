"""All figures of a result or an analysis, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gi_core.analysis.stealth import measured
from gi_core.common.errors import SpecError
from gi_core.figures import captions
from gi_core.figures.drawing import Drawing
from gi_core.figures.federation import exposed
from gi_core.figures.registry import drawing
from gi_core.figures.themes import THEMES, Theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from gi_core.analysis.frontier import Point as Setting
    from gi_core.analysis.rank import RankReport
    from gi_core.experiments.sweeps.choices import Choice
    from gi_core.jobs.job import Point
    from gi_core.settings import Experiment
    from gi_core.settings.federation import Federation
    from gi_core.settings.sweep import Sweep

Document = Mapping[str, Any]
Figures = dict[str, "Figure"]


def of_run(
    document: Document,
    points: Sequence[Point] = (),
    asked: Experiment | Document | None = None,
    *,
    theme: Theme = "light",
) -> Figures:
    """losses, likeness and residuals of a run, as far as they were measured.

    document: its result (`gi_core/types/result.py`); points: of its curve; asked: its question, for the caption.
    """
    caption, runs, found = captions.of_run(asked, document), {"run": points}, []
    if any(p.losses for p in points):
        found.append(drawing("losses", runs))
    if any(p.psnr is not None for p in points):
        found.append(drawing("likeness", runs))
    residuals = (document.get("attacker") or {}).get("residuals")
    if residuals:
        found.append(drawing("residuals", residuals))
    return _made(found, caption, theme)


def of_runs(runs: Mapping[str, Sequence[Point]], caption: str = "", *, theme: Theme = "light") -> Figures:
    """losses and likeness of several runs in one chart each. runs: name -> points of its curve."""
    return _made([drawing("losses", runs), drawing("likeness", runs)], caption, theme)


def of_influence(
    answer: Document, number: int = 0, sigma: float | None = None, asked: Experiment | Document | None = None, *, theme: Theme = "light"
) -> Figures:  # fmt: skip
    """curve, spectrum and singular_values of picture `number` of an influence analysis (`gi_core/types/influence.py`).

    sigma: a noise level that is marked. Raises SpecError for a picture that is not there or could not be analysed.
    """
    samples = answer["samples"]
    if not 0 <= number < len(samples):
        raise SpecError(f"the analysis has {len(samples)} pictures: ask for one from 0 to {len(samples) - 1}")
    found = samples[number]
    if "error" in found:
        raise SpecError(f"{found['sample']} could not be analysed: {found['error']}")
    drawn = [drawing("curve", found, sigma), drawing("spectrum", found), drawing("singular_values", found)]
    return _made(drawn, captions.of_influence(asked, found, answer.get("shape")), theme)


def of_rank(report: RankReport | Document, *, theme: Theme = "light") -> Figures:
    """rank: equations against unknowns by layer, of a report or of its JSON."""
    document = report if isinstance(report, Mapping) else report.to_json()
    return _made([drawing("rank", document)], captions.of_rank(document), theme)


def of_sweep(
    records: Sequence[dict[str, Any]], choice: Choice, sweep: Sweep | None = None, *, theme: Theme = "light"
) -> Figures:
    """sweep: one column of its table against another. records: its rows (`gi_core/experiments/sweeps/table.py`)."""
    from gi_core.experiments.sweeps.answers import answer

    drawn = drawing("sweep", records, choice, answer(records, choice).trends)
    return _made([drawn], captions.of_sweep(sweep, records), theme)


def of_frontier(
    records: Sequence[dict[str, Any]], metric: str = "psnr", sweep: Sweep | None = None, *, theme: Theme = "light"
) -> Figures:
    """frontier: accuracy against leakage. records: rows of a sweep that measures accuracy too."""
    from gi_core.analysis.frontier import controls, points

    found: list[Setting] = [p for p in points(records, metric) if p.complete]
    return _made(
        [drawing("frontier", found, controls=controls(records, metric))], captions.of_sweep(sweep, records), theme
    )


def of_wall(
    records: Sequence[dict[str, Any]], metric: str = "psnr", sweep: Sweep | None = None, *, theme: Theme = "light"
) -> Figures:
    """wall: score and verdict of each attack against each defense. records: rows of a sweep over both."""
    return _made([drawing("wall", records, metric)], captions.of_sweep(sweep, records), theme)


def of_federation(document: Document, asked: Federation | Document | None = None, *, theme: Theme = "light") -> Figures:
    """accuracy, leakage where somebody was attacked, and exposure where a client's rounds were examined, of a federation's result or progress."""
    found = [drawing("accuracy", document)]
    if any(r["clients"] for r in document.get("rounds") or ()):
        found.append(drawing("leakage", document))
    if exposed(document):
        found.append(drawing("exposure", document))
    return _made(found, captions.of_federation(asked), theme)


def of_update(inspection: Document, caption: str = "", *, theme: Theme = "light") -> Figures:
    """norms: how much each layer of a recorded update changed (`gi_core/types/inspection.py`)."""
    found = drawing("norms", inspection["layers"])
    return _made([found] if found is not None else [], caption, theme)


def of_servers(*, theme: Theme = "light") -> Figures:
    """stealth: what a server that hides shows its clients, against what comes back, as it was measured (`gi_core/analysis/stealth.py`)."""
    return _made([drawing("stealth", measured())], "", theme)


def _made(drawings: Sequence[Drawing], caption: str, theme: Theme) -> Figures:
    if theme not in THEMES:
        raise SpecError(f"there is no theme {theme!r}: choose light or dark")
    return {one.name: one.under(one.caption or caption).figure(theme) for one in drawings}
