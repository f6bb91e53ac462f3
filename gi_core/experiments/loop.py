"""The loop of a run: iterations of the attack within its budget, checkpoints, the live view, and the result at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from gi_core import attacks, metrics
from gi_core.attacks.base import Attack, Step
from gi_core.experiments import checkpoint as checkpoints
from gi_core.experiments import planned, results, risk_meter, run_files
from gi_core.experiments.checkpoint import Checkpoint
from gi_core.experiments.live_view import Recorder, answered, to_uint8
from gi_core.experiments.setup import Question
from gi_core.jobs.sink import Control, Sink
from gi_core.settings.plan import Plan
from gi_core.types.result import Result

CHECKPOINT_SECONDS, CHECKPOINT_SHARE = 5.0, 0.02
PLAN_SECONDS = 5.0


Watch = Callable[[Step, float], object]
"""Called after every step with the seconds spent attacking; returning False ends the run with what there is."""


class Stopped(Exception):
    """The control asked to stop before there was an iteration; `asked` says how."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self.asked = asked


class Run:
    """The loop over `attack.step`, with its budget, checkpoints and live view."""

    def __init__(
        self, question: Question, sink: Sink, control: Control, file: Path | None, truth: bool, lane: str,
        watch: Watch | None = None, plan: Plan | None = None,
    ) -> None:  # fmt: skip
        self.question, self.sink, self.control, self.watch = question, sink, control, watch
        self.file, self.truth = file, truth and question.pictures.known
        self.experiment = question.experiment
        self.key = self.experiment.key()
        found = checkpoints.load(file, self.key, question.device) if file is not None and file.exists() else None
        if file is not None and file.exists() and found is None:
            sink.notice("the checkpoint could not be read, so the run starts from the beginning")
        settings, done = self.experiment.attack, question.round
        self.plan = planned.of_run(question, found.plan if found else plan, PLAN_SECONDS, lane, sink)
        self.risk = risk_meter.measure(question)
        self.attack: Attack = attacks.make(
            settings, done.update, done.knowledge, plan=self.plan, device=question.device
        )
        self.state = found.state if found else self.attack.init(self.experiment.seed)
        self.seconds = found.seconds if found else 0.0
        self.iteration = found.iteration if found else 0
        sink.forget_points(self.iteration)
        if found:
            sink.log(f"resumed from the checkpoint at iteration {self.iteration}")
        if self.truth:
            originals = torch.from_numpy(question.pictures.images)
            sink.originals(to_uint8(originals))
            self._quality(originals)  # imports scikit-image, which is no cost of the view
        self.recorder = Recorder(
            sink, self._about(), attacks.most_steps(self.attack, settings), self.experiment.seconds,
            self._quality if self.truth else None, found.points if found else [], found.every if found else 1,
        )  # fmt: skip
        self.step: Step | None = None
        self.note = ""
        if not found:
            self._show_start()

    def _about(self) -> dict[str, Any]:
        """What does not change while the run goes on."""
        pictures = self.question.pictures
        return {
            "plan": self.plan.model_dump(mode="json"),
            "device": str(self.question.device),
            "parameters": self.question.info.get("parameters"),
            "accuracy": self.question.info.get("accuracy"),
            "gradient_norm": self.question.norm,
            "class_names": list(pictures.class_names),
            "labels_true": [int(k) for k in pictures.labels] if self.truth and pictures.labelled else None,
        }

    def _show_start(self) -> None:
        """The first frame is the start itself: a step of a second-order attack may take seconds."""
        self.sink.record({**self._about(), "stage": "attacking", "iteration": 0}, [])
        if self.experiment.attack.averages:
            return  # an answer made of all trials needs their scores
        images, _ = self.attack.answer(self.state)
        self.sink.snapshot(0, to_uint8(images[None]))

    def _quality(self, images: Tensor) -> tuple[float | None, float | None]:
        return metrics.quick(images.detach().cpu().double().numpy(), self.question.pictures.images)

    def to_end(self) -> Result:
        """Iterate until the attack is done, the budget is spent, or the control says otherwise."""
        saved, pause_between = time.monotonic(), CHECKPOINT_SECONDS
        while True:
            asked = self.control.poll()
            if asked:
                return self._stopped(asked)
            began = time.perf_counter()
            self.state, step = self.attack.step(self.state)
            self.seconds += time.perf_counter() - began
            self.step, self.iteration = step, step.iteration
            done = self._over(step)
            shown = self._shown(step) if done and not step.done else step
            self.recorder.take(shown, self.seconds, lambda: self.attack.residual(self.state), done)
            wanted = self.watch is None or self.watch(shown, self.seconds) is not False
            if done:
                self.sink.log(f"done after {self.iteration} iterations: {self.note}")
                return self._result(step, "done")
            if not wanted:
                return self._stopped("cancel")
            if self.file is not None and time.monotonic() - saved > pause_between:
                before = time.monotonic()
                self._save()
                saved = time.monotonic()
                pause_between = max(CHECKPOINT_SECONDS, (saved - before) / CHECKPOINT_SHARE)

    def _shown(self, step: Step) -> Step:
        return answered(step, self.attack.answer(self.state)[0])

    def _over(self, step: Step) -> bool:
        budget = self.experiment.seconds
        if step.done:
            self.note = step.note
        elif budget is not None and self.seconds >= budget:
            self.note = f"the {budget:g} s allowed are over"
        return bool(self.note) or step.done

    def _save(self) -> None:
        if self.file is None:
            return
        checkpoints.save(
            self.file,
            Checkpoint(
                key=self.key, plan=self.plan, state=self.state, iteration=self.iteration,
                seconds=self.seconds, points=self.recorder.points, every=self.recorder.every,
            ),
        )  # fmt: skip

    def _stopped(self, asked: str) -> Result:
        if self.step is None:
            raise Stopped(asked)
        shown = self._shown(self.step) if asked == "cancel" else self.step
        again = replace(shown, events=(), layer=None)  # both were recorded when the step was taken
        self.recorder.take(again, self.seconds, lambda: self.attack.residual(self.state), True)
        self._save()
        if asked != "cancel":
            raise Stopped(asked)
        self.note = f"cancelled after {self.iteration} iterations"
        self.sink.log(self.note)
        return self._result(self.step, "cancelled")

    def _result(self, step: Step, status: Literal["done", "cancelled"]) -> Result:
        self.sink.record({**self.recorder.last, "stage": "comparing with the original"}, [])
        ended = results.Finished(
            self.question, self.attack, self.state, step, run_id=self.sink.run_id, folder=self.sink.folder, status=status,
            note=self.note, seconds=self.seconds, plan=self.plan, residual=self.recorder.residual,
            layers=self.recorder.layers.found, risk=self.risk, truth=self.truth,
        )  # fmt: skip
        document, images = results.result(ended)
        originals = self.question.pictures.images if self.truth else None
        run_files.write(self.sink.folder, document, images, originals, self.recorder.points)
        if status == "done" and self.file is not None:
            self.file.unlink(missing_ok=True)
        return document
