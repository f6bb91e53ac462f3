"""What an experiment from a browser may name: bundled data, data sets, and uploads by their hash; never a free path."""

from __future__ import annotations

from gi_core import data
from gi_core.settings import Experiment, Problem, SpecError, problems
from gi_core.settings.client import FromFile, Trained
from gi_core.settings.matching_base import Matching


def forbidden(experiment: Experiment) -> list[Problem]:
    """A browser may name bundled data, data sets and uploads, never a free path."""
    weights = experiment.weights
    if isinstance(weights, FromFile) and not weights.path.startswith("upload:"):
        return [Problem("weights.path", "a page takes weights only as an upload: give the file in step 2")]
    if isinstance(weights, Trained) and weights.data and not data.browser_allowed(weights.data):
        return [Problem("weights.data", "a page trains only on data sets by name: leave the path to the command line")]
    wrong = [ref for ref in experiment.samples if not data.browser_allowed(ref)]
    if wrong:
        return [Problem("samples", f"a page cannot open {wrong[0]!r}: choose a picture above, or upload it")]
    return _attack_files(experiment) + _recorded_files(experiment)


def refuse(experiment: Experiment) -> None:
    """Raises SpecError with one sentence where a page may not ask a worker for it."""
    wrong = [p for p in problems(experiment) + forbidden(experiment) if p.fatal]
    if wrong:
        raise SpecError(wrong[0].reason)


def _attack_files(experiment: Experiment) -> list[Problem]:
    attack = experiment.attack
    prior, generator = attack.prior_picture, attack.generator if isinstance(attack, Matching) else None
    if prior and not data.browser_allowed(prior):
        return [
            Problem("attack.prior", f"a page cannot open {prior!r}: choose a prior picture in step 4, or upload it")
        ]
    if generator and not _uploaded(generator):
        return [Problem("attack.generator", "a page takes a generator only as an upload: give the file in step 4")]
    return []


def _recorded_files(experiment: Experiment) -> list[Problem]:
    """Files of a recorded update; the picture that it is judged by is a sample like any other."""
    files = experiment.recorded
    if files is None:
        return []
    wrong = [
        n for n in ("checkpoint", "update", "statistics") if getattr(files, n) and not _uploaded(getattr(files, n))
    ]
    wrong += ["reference"] if files.reference and not data.browser_allowed(files.reference) else []
    why = "a page takes the files of a recorded update only as uploads: give them on the page of updates"
    return [Problem(f"recorded.{name}", why) for name in wrong[:1]]


def _uploaded(path: str) -> bool:
    return path.startswith("upload:") and data.browser_allowed(path)
