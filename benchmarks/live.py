"""What the live view costs the attack: CPU seconds per iteration with the store, against the bare loop.

Ten interleaved pairs on LeNet, where an iteration is short and the view weighs most. The page
itself is another process; what is measured is what the attack's own process spends on being watched.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ITERATIONS, PAIRS = 1500, 10
QUESTION = {
    "samples": ["bundled/astronaut"],
    "size": 32,
    "model": {"kind": "lenet", "init": "uniform"},
    "attack": {"kind": "inverting_gradients", "iterations": ITERATIONS},
}


def live() -> Iterator[dict]:
    """One row per pair and the median overhead last."""
    with tempfile.TemporaryDirectory() as folder:
        before, os.environ["GI_HOME"] = os.environ.get("GI_HOME"), folder
        try:
            yield from _pairs()
        finally:
            os.environ.pop("GI_HOME") if before is None else os.environ.update(GI_HOME=before)


def _pairs() -> Iterator[dict]:
    from gi_core.experiments.setup import Questions
    from gi_core.settings import build

    questions, ratios = Questions(), []
    _watched(build(QUESTION), questions)  # warm: plan, question, caches
    for pair in range(PAIRS):
        bare = _bare(build(QUESTION), questions)
        watched = _watched(build(QUESTION), questions)
        ratios.append(watched / bare - 1)
        yield {"pair": pair + 1, "bare_ms": bare * 1e3, "watched_ms": watched * 1e3, "overhead": ratios[-1]}
    yield {"pair": "median", "overhead": statistics.median(ratios)}


def _prepared(experiment, questions):
    """The run as a worker makes it, reporting to a store; nothing iterated yet."""
    from gi_core.experiments.execute import prepare
    from gi_core.experiments.loop import Run
    from gi_core.jobs.sink import StoreControl, StoreSink
    from gi_core.jobs.store import Store
    from gi_core.jobs.writer import Writer

    class Measured(Run):
        def _result(self, step, status):  # the comparison at the end is not the live view
            return {}

    store = Store()
    job = store.submit("run", experiment.model_dump(mode="json"))
    writer = Writer(store, "benchmark")
    writer.take(job)
    sink, control = StoreSink(writer, job), StoreControl(writer, job)
    question = prepare(experiment, sink, control, questions)
    return Measured(question, sink, control, Path(sink.folder) / "checkpoint.pt", True, "command")


def _watched(experiment, questions) -> float:
    run = _prepared(experiment, questions)
    began = time.process_time()
    run.to_end()
    return (time.process_time() - began) / ITERATIONS


def _bare(experiment, questions) -> float:
    run = _prepared(experiment, questions)
    state, done = run.state, False
    began = time.process_time()
    while not done:
        state, step = run.attack.step(state)
        done = step.done
    return (time.process_time() - began) / ITERATIONS
