"""An experiment run inside a person's own program: kept in the store, or in a folder that is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gi_core.api.watching import Bar, Callback, Quiet, Stopping, checked, watched
from gi_core.attacks.base import Refused, Step
from gi_core.common.errors import SpecError
from gi_core.common.threads import on_one_thread
from gi_core.jobs.job import Point
from gi_core.networks.trace_words import first_line
from gi_core.settings import Experiment
from gi_core.settings.own_network import OwnNetwork
from gi_core.settings.plan import Plan
from gi_core.settings.sentences import made
from gi_core.types.result import NoPicture, Outcome, Result


@dataclass(frozen=True)
class Done:
    """A run that ended with pictures.

    images, originals: (N, C, H, W) float32 in [0, 1], the latter None where they are not known. points: of the curves.
    """

    experiment: Experiment
    document: Result
    images: np.ndarray
    originals: np.ndarray | None
    points: tuple[Point, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class How:
    """How a run is done. progress: whether a bar is shown. callback: called after each step. plan: in place of a measured
    one. store: whether it is kept, so that the page shows it.
    """

    progress: bool = True
    callback: Callback | None = None
    plan: Plan | None = None
    store: bool = False


def how(progress: bool, callback: object, plan: Mapping[str, Any] | Plan | None, store: bool) -> How:
    """The same, checked. Raises SpecError."""
    if plan is not None and not isinstance(plan, (Mapping, Plan)):
        raise SpecError(f"plan is result.plan of a run, a dictionary, not a {type(plan).__name__}")
    found = plan if plan is None or isinstance(plan, Plan) else made(Plan, dict(plan), "plan: ")
    return How(bool(progress), checked(callback), found, bool(store))


def perform(asked: Experiment, how: How, apart: bool = False) -> Done:
    """Run it on one thread. apart: whether only this process holds what it needs. Ctrl-C ends it with the best so far; before
    the first step, or a second time, it is KeyboardInterrupt. Raises SpecError.
    """
    bar = Bar(how.progress)

    def watch(step: Step, seconds: float) -> object:
        return None if how.callback is None else how.callback(watched(step, seconds))

    try:
        with on_one_thread():
            document, images, originals, points = (_kept if how.store else _passing)(asked, how, bar, watch, apart)
    except Refused as error:
        raise SpecError(str(error)) from None
    except RuntimeError as error:
        if not isinstance(asked.model, OwnNetwork):
            raise
        raise SpecError(
            f"torch cannot differentiate this network as the attack needs it ({first_line(error)}): replace that operation,"
            " or take another attack"
        ) from None
    finally:
        bar.close()
    notices = dict.fromkeys([*bar.notices, *document["notices"]])
    return Done(asked, document, images, originals, tuple(points), tuple(notices))


def _passing(asked: Experiment, how: How, bar: Bar, watch: Any, apart: bool) -> Any:
    """A run that leaves nothing behind."""
    from gi_core.experiments.execute import execute

    control = Stopping()
    with tempfile.TemporaryDirectory(prefix="gi_") as folder:
        sink = Quiet(Path(folder), bar)
        with control.signals():
            document = _ended(execute(asked, sink=sink, control=control, watch=watch, plan=how.plan))
        images, originals = _arrays(Path(folder))
        return {**document, "out": ""}, images, originals, sink.points


def _kept(asked: Experiment, how: How, bar: Bar, watch: Any, apart: bool) -> Any:
    """A run in the store."""
    from gi_core.cli.runner import Runner

    runner = Runner(bar)
    runner.watch, runner.plan, runner.on_stop = watch, how.plan, "cancel"
    document = _ended(runner.start(asked, apart))
    images, originals = _arrays(runner.folder)
    return document, images, originals, runner.store.curve(document["run_id"])


def _ended(document: Outcome) -> Result:
    """The result of a run that ended with pictures. Raises SpecError for one that failed, KeyboardInterrupt for one without."""
    if "metrics" in document:
        return document
    stopped: NoPicture = document
    if stopped["status"] == "failed":
        raise SpecError(stopped.get("error") or "the run failed")
    raise KeyboardInterrupt


def _arrays(folder: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(images, originals or None) of a run's folder."""
    with np.load(folder / "reconstruction.npz", allow_pickle=False) as file:
        return file["images"], file["originals"] if "originals" in file.files else None
