"""`gi.run`: an experiment in the words of the command line, and `gi.open_run`: one that the store keeps."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.api import asking
from gi_core.api.result import Result
from gi_core.api.running import Done, how, perform
from gi_core.cli import question
from gi_core.common.errors import SpecError
from gi_core.experiments.setup import check
from gi_core.jobs.store import Store
from gi_core.settings import Experiment, build, read_experiment
from gi_core.settings.parse import changed


def run(
    experiment: Experiment | Mapping[str, Any] | str | Path | None = None, *, sample: Any = None, label: Any = None,
    size: int | str | None = None, model: Any = None, weights: str | None = None, client: Any = None, server: Any = None,
    defenses: Any = (), attack: Any = None, normalise: str | None = None, seed: int | None = None, device: str | None = None,
    settings: Mapping[str, Any] | None = None, plan: Any = None, progress: bool = True, callback: Any = None,
    store: bool = False,
) -> Result:  # fmt: skip
    """Play a client's round and attack it: an experiment in the words of the command line (docs/command_line.md).

    experiment: a whole one, as a document, its JSON, or the path of its file; what else is given changes it.
    sample: one or several references, such as "bundled/chelsea".
    label: a class number for each, in place of the data's own.
    size, model, weights, client, server, defenses, attack, normalise, seed, device: as on the command line.
    settings: further ones by their dotted paths, such as {"client.batch_norm": "train"}.
    plan, progress, callback, store: as in `gi.attack`.

    Raises SpecError, one sentence.
    """
    asked = how(progress, callback, plan, store)
    base = whole(experiment)
    words = argparse.Namespace(
        experiment=None, sample=_listed(sample), label=_listed(label), size=size, normalise=normalise, seed=seed,
        device=device, model=None, weights=weights, client=None, attack=None, defense=None, set=None,
    )  # fmt: skip
    values = question.experiment(words, base).model_dump(mode="json")
    for family, given in (("model", model), ("client", client), ("server", server), ("attack", attack)):
        if given is not None:
            text = isinstance(given, str) and family == "model"
            values[family] = asking.document(question.network(given) if text else asking.component(family, given))
    if defenses:
        values["defenses"] = [asking.document(one) for one in asking.several("defense", defenses)]
    found = build(values)
    found = changed(found, dict(settings)) if settings else found
    check(found)
    return Result(perform(found, asked))


def whole(experiment: Any) -> Experiment:
    """An experiment as it is given: settings, a document, its JSON, or a path; the default for None. Raises SpecError."""
    if experiment is None:
        return Experiment()
    if isinstance(experiment, Experiment):
        return experiment
    if isinstance(experiment, Mapping):
        return build(dict(experiment))
    if isinstance(experiment, str) and experiment.lstrip().startswith("{"):
        return read_experiment(experiment)
    if isinstance(experiment, (str, Path)):
        return question.read(Path(experiment))
    raise SpecError(f"an experiment is a document, its JSON or the path of its file, not a {type(experiment).__name__}")


def open_run(run_id: str) -> Result:
    """A run that the store keeps, with its pictures.

    run_id: as the page Runs and `python -m gi_core runs list` have it.

    Raises SpecError where there is no such run, or it has no picture.
    """
    store = Store()
    job = store.job(run_id)
    if job is None or job.kind != "run":
        raise SpecError(f"there is no run {str(run_id)[:40]!r}: see python -m gi_core runs list")
    if job.run_result is None:
        raise SpecError(f"run {run_id} is {job.state} and has no picture yet")
    try:
        with np.load(store.path(job.id) / "reconstruction.npz", allow_pickle=False) as file:
            images, originals = file["images"], file["originals"] if "originals" in file.files else None
    except (OSError, ValueError, KeyError):
        raise SpecError(f"the pictures of run {run_id} cannot be read: run it again") from None
    return Result(
        Done(build(job.spec), job.run_result, images, originals, tuple(store.curve(job.id)), tuple(job.notices))
    )


def _listed(value: Any) -> list[Any] | None:
    """One or several as a list; None of None."""
    if value is None:
        return None
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
