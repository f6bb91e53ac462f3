"""One run, from an Experiment to its result: the one function that the command line and a worker share.

Data, network, client, attack, metrics, in that order. The attack is given Update and Knowledge only;
ground truth stays on this side, for the curve and the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from gi_core.attacks.base import Refused
from gi_core.common import whole_files
from gi_core.common.memory_limit import memory_ran_out
from gi_core.experiments import estimate, footprint
from gi_core.experiments.loop import Run, Stopped, Watch
from gi_core.experiments.setup import Question, Questions, check, choose_device, refuse_no_signal
from gi_core.jobs.sink import Control, Sink
from gi_core.settings import Experiment, SpecError
from gi_core.settings.plan import Plan
from gi_core.types.result import SCHEMA_VERSION, NoPicture, Result

_LESS = "choose fewer trials, a smaller picture or a smaller network"


def execute(
    experiment: Experiment,
    *,
    sink: Sink,
    control: Control,
    checkpoint: Path | None = None,
    ground_truth: bool = True,
    questions: Questions | None = None,
    lane: str = "command",
    foresee: Callable[[float], None] | None = None,
    watch: Watch | None = None,
    plan: Plan | None = None,
) -> Result | NoPicture:
    """Run the experiment and return the JSON object of the command line (docs/results.md).

    checkpoint: file that the state is kept in; if it holds one of this experiment, the run goes on
    from there, with its plan, and ends as if it had never stopped. ground_truth: whether the
    originals may be compared with; without, every such value is None. questions: a cache of prepared ones. lane: whose memory
    it may take. foresee: is called before the loop with the seconds that the loop is expected to take. watch: is called after every step, and
    ends the run by returning False. plan: in place of a measured one, so that a run is repeated bit for bit. Raises SpecError or Refused, one sentence.
    """
    check(experiment)
    footprint.refuse(experiment, lane)
    try:
        question = prepare(experiment, sink, control, questions or Questions(most=1))
        run = Run(question, sink, control, checkpoint, ground_truth, lane, watch, plan)
        if foresee is not None and run.iteration == 0:
            foresee(estimate.of_run(question, run.plan))
        return run.to_end()
    except Stopped as stop:
        return {
            "schema_version": SCHEMA_VERSION, "run_id": sink.run_id, "out": str(sink.folder), "asked": stop.asked,
            "status": "cancelled" if stop.asked == "cancel" else "paused", "iterations": 0,
        }  # fmt: skip
    except (MemoryError, RuntimeError) as error:
        if not memory_ran_out(error):
            raise
        where = " of the device" if isinstance(error, torch.OutOfMemoryError) else ""
        raise SpecError(f"the memory{where} is full: {_LESS}") from None


def prepare(experiment: Experiment, sink: Sink, control: Control, questions: Questions) -> Question:
    """The question of a run, with its progress. Raises Stopped when asked to stop, and SpecError."""
    whole_files.write_text(sink.folder / "experiment.json", experiment.to_json(indent=2))
    reported = 0.0

    def progress(fraction: float, text: str) -> None:
        nonlocal reported
        asked = control.poll()
        if asked:
            raise Stopped(asked)
        if time.monotonic() - reported > 0.3:
            reported = time.monotonic()
            sink.record({"stage": text, "fraction": fraction}, [])

    question = questions.get(experiment, choose_device(experiment.device), progress)
    for notice in question.pictures.notices:
        sink.notice(notice)
    refuse_no_signal(question)
    return question


__all__ = ["Refused", "Stopped", "execute", "prepare"]
