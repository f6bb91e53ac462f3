"""The plan of a run within the memory that it may take: as many trials advance together as fit, with a notice where they are fewer.

    most = 1 + floor((limit - bytes with one trial) / bytes of one more), as `footprint` counts them

Where one trial does not fit, `footprint` has refused the run. On a GPU the trials are halved when its memory is full.
"""

from __future__ import annotations

from gi_core.attacks import plan as plans
from gi_core.experiments import footprint
from gi_core.experiments.setup import Question
from gi_core.jobs import allowances
from gi_core.jobs.sink import Sink
from gi_core.settings.plan import Plan


def plan(question: Question, seconds: float, limit: int) -> Plan:
    """The plan, measured in `seconds` of CPU at most, or a kept one. limit: bytes that the run may take."""
    done, settings = question.round, question.experiment.attack
    return plans.measure(done.update, done.knowledge, settings, question.device, seconds, most=_most(question, limit))


def of_run(question: Question, kept: Plan | None, seconds: float, lane: str, sink: Sink) -> Plan:
    """The plan of a run, or the one that its checkpoint kept, as far as the memory of this lane goes."""
    limit = allowances.memory(lane)
    if kept is None:
        sink.record({"stage": "measuring how to run this network fastest"}, [])
    found = plan(question, seconds, limit) if kept is None else plans.within(kept, _most(question, limit))
    if found.most is not None and found.chunk == found.most:
        trials = question.experiment.attack.trials
        sink.notice(
            f"{found.most} of {trials} trials advance at a time, as more do not fit into the"
            f" {allowances.readable(limit)} of memory that are allowed (GI_MEMORY_MB)"
        )
    return found


def _most(question: Question, limit: int) -> int | None:
    return footprint.trials_at_once(question.experiment, limit) if question.device.type == "cpu" else None
