"""What a job may take: how it is set, when a job is overdrawn, and that memory running out is one sentence."""

from __future__ import annotations

import pytest

from gi_core.experiments.setup import Questions
from gi_core.jobs import allowances
from gi_core.jobs.store import Store
from gi_core.workers import duties
from gi_core.workers.worker import Worker
from tests.runs_helpers import tiny_spec

pytestmark = pytest.mark.usefixtures("sixteen_gib")
GIB = 2**30


def test_what_each_may_have_and_how_it_is_set(monkeypatch):
    lanes = ("interactive", "batch", "reading", "command")
    assert [allowances.memory(lane) / GIB for lane in lanes] == pytest.approx([8, 2, 3, 12.8], rel=1e-3)
    assert allowances.preview() == 2 * GIB and allowances.idle() == 700 * 2**20
    monkeypatch.setenv("GI_MEMORY_MB", "512")
    monkeypatch.setenv("GI_READING_MB", "256")
    assert [allowances.memory(lane) // 2**20 for lane in lanes] == [512, 512, 256, 512]
    assert allowances.seconds("preview") == 60 and allowances.seconds("run") == 24 * 3600
    monkeypatch.setenv("GI_PREVIEW_SECONDS", "5")
    assert allowances.seconds("preview") == 5


def test_a_job_is_overdrawn_by_memory_or_by_computing_never_by_waiting_for_a_busy_machine():
    ask = lambda *a: allowances.overdrawn(*a)  # noqa: E731
    assert ask("run", "interactive", 8 * GIB, 1e4) == "" and "8 GiB" in ask("run", "interactive", 8 * GIB + 1, 0.0)
    assert (
        "GI_PREVIEW_SECONDS" in ask("preview", "interactive", 0, 60.1) and ask("preview", "interactive", 0, 59.0) == ""
    )
    assert ask("preview", "interactive", 0, 1.0, 600.0) == "" and ask("preview", "interactive", 0, 1.0, 700.0)
    assert ask("run", "batch", 0, 1.0, 1e9) == "", "a run that yields waits as long as it must"


def test_memory_that_runs_out_is_one_sentence_and_the_worker_goes_on(gi_home, monkeypatch):
    worker = Worker(Store(), "interactive")
    worker.questions = Questions()
    for error in (
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ):

        def full(*_, error=error, **__):
            raise error

        monkeypatch.setattr(duties, "preview", full)
        job = worker.store.submit("preview", tiny_spec(seed=len(str(error))))
        worker.do(worker.writer.claim("interactive"))
        assert worker.store.job(job).error.startswith(
            "it took more than the 8 GiB of memory that it may (GI_MEMORY_MB)"
        )
