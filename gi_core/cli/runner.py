"""One run in this process, kept in the same store as everybody's."""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import Any, Literal

from gi_core.attacks.base import Refused
from gi_core.cli.progress import Shown, fraction_and_words
from gi_core.cli.taking import FOLLOW_SECONDS, Taker, reason_of
from gi_core.common.disk import DiskFull
from gi_core.experiments.execute import execute
from gi_core.experiments.loop import Watch
from gi_core.jobs import times
from gi_core.jobs.job import Job, Point
from gi_core.jobs.sink import StoreControl, StoreSink
from gi_core.jobs.writer import Lost, Writer
from gi_core.settings import Experiment, SpecError, build
from gi_core.settings.plan import Plan
from gi_core.types.result import SCHEMA_VERSION, NoPicture, Outcome, read


class Runner(Taker):
    """Starts or resumes a run and sees it to its end.

    watch, plan: see `execute`. on_stop: what a first Ctrl-C asks of the run: to pause, so that it can be resumed, or to be
    cancelled with what there is.
    """

    folder = Path()
    watch: Watch | None = None
    plan: Plan | None = None
    on_stop: Literal["pause", "cancel"] = "pause"

    def start(self, experiment: Experiment, apart: bool = False) -> Outcome:
        """The run's document. apart: whether only this process holds what it needs. Raises SpecError where the question
        turns out to be impossible.
        """
        return self._run(self.store.submit("run", experiment.model_dump(mode="json"), apart=apart), True, apart)

    def resume(self, run_id: str) -> Outcome:
        """Go on from the checkpoint. Raises SpecError for a run that cannot be resumed."""
        job = self.store.control(run_id, "resume")
        if job.kind != "run" or job.state != "queued":
            raise SpecError(f"run {run_id} is {job.state}: only an interrupted run can be resumed")
        return self._run(run_id, False)

    def _run(self, run_id: str, fresh: bool, apart: bool = False) -> Outcome:
        self.folder = self.store.path(run_id)
        return self.taken(run_id, "run", lambda writer, job: self._execute(writer, job, fresh), self._watch, apart)

    def _execute(self, writer: Writer, job: Job, fresh: bool) -> Outcome:
        checkpoint = writer.folder(job.id) / "checkpoint.pt"
        try:
            document = execute(
                build(job.spec), sink=_Watched(StoreSink(writer, job.id), self.bar),
                control=_Stop(self, StoreControl(writer, job.id)), checkpoint=checkpoint, foresee=self._foresee,
                watch=self.watch, plan=self.plan,
            )  # fmt: skip
        except (SpecError, Refused) as error:
            writer.finish(job.id, "failed", error=str(error))
            if fresh and not checkpoint.exists() and not isinstance(error, DiskFull):
                self.store.delete(job.id)  # it never began
            raise SpecError(str(error)) from None
        except (Lost, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001 - a run that fails is stored with its reason
            return self._failed(writer, job.id, error)
        if document["status"] == "paused":
            writer.release(job.id)
            return _interrupted(document)
        writer.finish(job.id, document["status"], document)
        return document

    def _foresee(self, loop: float) -> None:
        if loop >= times.WORTH_SAYING:
            self.foresee(times.expected(loop, times.Span(*times.AFTER)))

    def _failed(self, writer: Writer, run_id: str, error: Exception) -> NoPicture:
        reason = reason_of(error)
        document: NoPicture = {**self._without_picture(run_id, "failed"), "error": reason}
        writer.log(run_id, traceback.format_exc(limit=-8))
        writer.finish(run_id, "failed", document, error=reason)
        return document

    def _watch(self, run_id: str) -> Outcome:
        """A worker has the run: show its progress until it ends or is paused."""
        while True:
            job = self.store.job(run_id)
            if job is None:
                raise Lost(run_id)
            if self.stopping and job.active and not job.asked:
                self.store.control(run_id, "pause")
            if job.state == "paused":
                return _interrupted(self._without_picture(run_id, "paused"))
            if job.over:
                if job.result is None and job.state == "failed":
                    raise SpecError(job.error or "the run failed")
                if job.state == "failed":
                    return {**self._without_picture(run_id, "failed"), "error": job.error or "the run failed"}
                return read(job.result) or self._without_picture(run_id, "cancelled")
            self.bar.show(*fraction_and_words(job.progress))
            time.sleep(FOLLOW_SECONDS)

    def _without_picture(self, run_id: str, status: Literal["failed", "cancelled", "paused"]) -> NoPicture:
        return {"schema_version": SCHEMA_VERSION, "run_id": run_id, "status": status, "out": str(self.folder)}


class _Stop:
    """What the terminal or the page asks of the run."""

    def __init__(self, runner: Runner, control: StoreControl) -> None:
        self.runner, self.control = runner, control

    def poll(self) -> str:
        if self.runner.stopping:
            self.runner.store.control(self.control.job_id, self.runner.on_stop)
            return self.runner.on_stop
        return self.control.poll()


class _Watched:
    """The store's sink, and the bar besides."""

    def __init__(self, sink: StoreSink, bar: Shown) -> None:
        self._sink, self._bar = sink, bar

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    def record(self, progress: dict[str, Any], points: list[Point]) -> None:
        self._bar.show(*fraction_and_words(progress))
        self._sink.record(progress, points)

    def notice(self, text: str) -> None:
        self._bar.say(f"note: {text}")
        self._sink.notice(text)


def _interrupted(document: NoPicture) -> NoPicture:
    command = f"python -m gi_core attack --resume {document['run_id']}"
    note = f"interrupted; go on with: {command}"
    return {**document, "status": "cancelled", "resumable": True, "note": note}
