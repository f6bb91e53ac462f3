"""What a job may take: estimated before it starts, refused with one sentence, held while it runs, not repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gi_core.attacks import plan as plans
from gi_core.experiments import footprint
from gi_core.experiments.execute import execute
from gi_core.experiments.preview import preview
from gi_core.experiments.setup import Questions
from gi_core.jobs import allowances, capacity, process, recovery, supervision
from gi_core.jobs.dispatcher import Dispatcher
from gi_core.jobs.processes import OUT_OF_MEMORY, Process, Processes
from gi_core.jobs.sink import Free
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import SpecError, build
from gi_core.settings.plan import Plan
from gi_core.workers import duties
from gi_core.workers.worker import Worker
from tests.runs_helpers import ListSink, tiny_spec, wait

GIB = 2**30


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    for name in [n for n in os.environ if n.startswith("GI_") and n.endswith(("_MB", "_SECONDS"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(capacity, "memory_bytes", lambda: 16 * GIB)
    monkeypatch.setattr(capacity, "batch_workers", lambda: 4)


def faces(count: int, **more):
    return build({
        "samples": [f"bundled/faces:{k}" for k in range(count)], "channels": 3,
        "attack": {"kind": "inverting_gradients", **more.pop("attack", {})}, **more,
    })  # fmt: skip


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


def test_sixty_four_faces_of_256_pixels_with_64_trials_are_refused_everywhere_alike(gi_home, tmp_path):
    heavy = faces(64, size=256, attack={"trials": 64, "labels": "known"})
    said = footprint.problem(heavy).reason
    assert "64 pictures of 256 pixels with 64 trials" in said and "8 GiB are allowed" in said
    answer = preview(heavy, tmp_path, Questions())
    assert [p["reason"] for p in answer["problems"] if p["fatal"]] == [said] and answer["seconds_estimate"] is None
    with pytest.raises(SpecError, match="64 pictures of 256 pixels with 64 trials on this network take about"):
        execute(heavy, sink=ListSink(tmp_path / "run"), control=Free())
    worker = Worker(Store(), "interactive")
    worker.questions = Questions()
    run = worker.store.submit("run", heavy.model_dump(mode="json"))
    worker.do(worker.writer.claim("interactive"))
    assert worker.store.job(run).state == "failed" and worker.store.job(run).error == said


def test_memory_by_the_formula_on_one_dense_layer():
    one = build({"model": {"kind": "linear", "classes": 10}, "size": 8, "channels": 1, "attack": {
        "kind": "inverting_gradients", "trials": 3}})  # fmt: skip
    values = 64 * 10 + (10 if footprint._sizes(one)[0] > 640 else 0)
    parameters, activations, pixels = footprint._sizes(one)
    assert (parameters, pixels) == (values, 64)
    network = footprint.BASE + 4 * footprint.COPIES * parameters
    trial = 4 * (footprint.PER_PARAMETER * parameters + footprint.PER_ACTIVATION * activations)
    kept = 3 * 64 * 4 * footprint.PER_PIXEL
    found = footprint.footprint(one)
    assert (found.one, found.whole) == (network + trial + kept, network + 3 * trial + kept)


@pytest.mark.parametrize(
    ("more", "measured"),  # MiB of its own that the process held at most, two iterations, one thread
    [
        ({"size": 32, "model": "lenet"}, 248),
        ({"size": 64, "model": "resnet18", "attack": {"trials": 2}}, 694),
        ({"size": 224, "model": "resnet18"}, 808),
    ],
)
def test_an_estimate_is_no_less_than_what_was_measured_and_no_more_than_twice(more, measured):
    one = faces(1, **{**more, "model": {"kind": more["model"]}})
    assert measured <= footprint.footprint(one).whole / 2**20 < 2 * measured


def test_a_preview_that_would_take_much_shows_the_pictures_only(gi_home, tmp_path, monkeypatch):
    monkeypatch.setenv("GI_PREVIEW_MB", "310")
    answer = preview(faces(1, size=64, model={"kind": "resnet18"}), tmp_path, Questions())
    assert answer["original_png_path"] and answer["seconds_estimate"] is None and "risk" not in answer
    assert "GI_PREVIEW_MB" in answer["notices"][-1] and not answer["problems"]


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


def _process(**more) -> Process:
    return Process("life", "worker", "interactive", 1, "", 0.0, **more)


@pytest.mark.parametrize(
    ("more", "how"),
    [
        ({}, "killed"),
        ({"ended": "-9"}, "killed"),
        ({"ended": "-15"}, "killed"),
        ({"ended": "0"}, "killed"),
        ({"ended": "-9", "bytes": 7 * GIB}, "memory"),
        ({"bytes": 7 * GIB}, "memory"),
        ({"ended": "-15", "bytes": 7 * GIB}, "killed"),
        ({"ended": OUT_OF_MEMORY, "bytes": GIB}, "memory"),
        ({"ended": "-11"}, "crash"),
        ({"ended": "-6", "bytes": GIB}, "crash"),
        ({"ended": "1"}, "error"),
    ],
)
def test_how_a_worker_died(more, how):
    assert recovery.death(_process(**more)).how == how


def test_only_the_job_that_was_being_done_is_blamed(gi_home):
    store = Store()
    run, look = store.submit("run", tiny_spec()), store.submit("preview", tiny_spec())
    writer = Writer(store, Processes(store.database).register("worker", "interactive"))
    writer.take(run), writer.take(look)
    assert recovery.end(store.database, store.runs, writer.worker, look, "it took too much")
    assert (store.job(look).state, store.job(look).error) == ("failed", "it took too much")
    assert store.job(run).state == "queued" and "over another job" in store.job(run).notices[-1]
    assert not recovery.end(store.database, store.runs, writer.worker, look, "again")


def test_a_server_ends_a_worker_that_takes_too_much_and_does_not_repeat_its_job(gi_home, monkeypatch):
    monkeypatch.setattr(Dispatcher, "_spawn", lambda self, lane: None)
    monkeypatch.setenv("GI_MEMORY_MB", "100")
    code = "import time; a = bytearray(300 * 2**20); print('there', flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline()
        store, start = Store(), process.started(child.pid)
        life = Processes(store.database).register("worker", "interactive", of=(child.pid, start))
        run = store.submit("run", tiny_spec())
        Writer(store, life).take(run)
        Processes(store.database).say(life, run)
        Dispatcher(store).look()
        assert child.wait(10) == -signal.SIGKILL
        job = store.job(run)
        assert job.state == "failed" and "more than the 100 MiB of memory that it may" in job.error
    finally:
        child.kill()
        child.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_worker_cannot_have_more_than_it_may():
    code = (
        "import numpy as np; from gi_core.jobs import supervision; supervision.capacity.accelerated = lambda: False;"
        "supervision.hold(2**27); np.ones(2**28, np.uint8);\n"
        "try: np.ones(2**30, np.uint8)\nexcept MemoryError: print('refused')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert found.stdout == "refused\n", found.stderr


@pytest.mark.slow
def test_a_worker_starts_lean_after_a_heavy_job(gi_home, monkeypatch):
    """The same process and life, with the memory of a fresh one."""
    monkeypatch.undo()
    monkeypatch.setenv("GI_IDLE_MB", "400")
    store = Store()
    dispatcher = Dispatcher(store, lanes=("interactive",))
    processes = Processes(store.database)
    try:
        run = store.submit(
            "run", faces(1, size=64, model={"kind": "resnet18"}, attack={"iterations": 2}).model_dump(mode="json")
        )
        dispatcher.ensure()
        most = 0

        def over() -> bool:
            nonlocal most
            most = max([most, *(supervision.resident(p.pid) for p in processes.all("worker"))])
            return store.job(run).over

        wait(over, 300)
        first = processes.all("worker")[0]
        assert store.job(run).state == "done", store.job(run).error
        wait(
            lambda: (
                (now := processes.all("worker"))
                and now[0].note == "idle"
                and supervision.resident(now[0].pid) < 400 * 2**20
            ),
            120,
        )
        assert most > 400 * 2**20 and processes.all("worker")[0].id == first.id
        again = store.submit("run", tiny_spec())
        wait(lambda: store.job(again).state == "done", 120)
    finally:
        dispatcher.stop()
        for one in processes.all("worker"):
            if one.alive:
                os.kill(one.pid, signal.SIGKILL)


def test_arrays_of_numpy_and_torch_are_what_is_counted():
    """In a process of its own: what earlier tests leave behind may be freed at any moment."""
    program = """
import time, numpy as np, torch
from gi_core.jobs import supervision
before = supervision.resident()
held = np.ones(2**27, np.uint8), torch.ones(2**25)
assert supervision.resident() - before > 0.9 * (2**27 + 2**27), supervision.resident() - before
began, x = supervision.spent(), torch.rand(300, 300)
used = time.process_time()
while time.process_time() - used < 0.2:
    x = (x @ x) / x.numel()
assert 0.1 < supervision.spent() - began < 0.5, supervision.spent() - began
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def test_as_many_trials_advance_at_a_time_as_fit_into_the_memory(gi_home, tmp_path, monkeypatch):
    """The plan is cut to the limit and says so; where one trial does not fit the run is refused."""
    asked = faces(
        1, size=64, model={"kind": "lenet", "width": 64}, attack={"kind": "idlg", "trials": 16, "iterations": 1}
    )
    found = footprint.footprint(asked)
    limit = -(-(found.one + 4 * found.trial) // 2**20)
    most = 1 + int((limit * 2**20 - found.one) // found.trial)
    assert 4 < most < 10 and footprint.trials_at_once(asked, 2**20) == 1
    for mebibytes, kept in ((limit, most), (4 * limit, None), (limit, most)):  # kept plans of either limit stay apart
        monkeypatch.setenv("GI_MEMORY_MB", str(mebibytes))
        sink = ListSink(tmp_path / f"run{mebibytes}")
        plan = execute(asked, sink=sink, control=Free())["plan"]
        assert (plan["chunk"], plan["most"]) == ((16, None) if kept is None else (kept, kept))
        said = [n for n in sink.notices if "advance at a time" in n]
        assert (
            (said == [])
            if kept is None
            else said[0].startswith(f"{kept} of 16 trials advance at a time, as more do not")
        )
    monkeypatch.setenv("GI_MEMORY_MB", str(int(found.one // 2**20) - 1))
    with pytest.raises(SpecError, match="with 16 trials on this network take about"):
        execute(asked, sink=ListSink(tmp_path / "refused"), control=Free())
    kept = Plan(chunk=16)  # of a checkpoint that a larger worker wrote
    assert plans.within(kept, 3).chunk == 3 and plans.within(kept, 20) == kept == plans.within(kept, None)
