"""One run, from an Experiment to its result: the one function that the command line and a worker share.

Data, network, client, attack, metrics, in that order. The attack is given Update and Knowledge only;
ground truth stays on this side, for the curve and the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gi_core import attacks, metrics
from gi_core.attacks.base import Attack, Refused, Step
from gi_core.common.memory_limit import memory_ran_out
from gi_core.experiments import checkpoint as checkpoints
from gi_core.experiments import estimate, footprint, planned, recursion_results, results, risk_meter
from gi_core.experiments.checkpoint import Checkpoint
from gi_core.experiments.live_view import Recorder, answered, to_uint8
from gi_core.experiments.setup import Question, Questions, check, choose_device, refuse_no_signal
from gi_core.jobs.sink import Control, Sink
from gi_core.settings import Experiment, SpecError

CHECKPOINT_SECONDS, CHECKPOINT_SHARE = 5.0, 0.02
PLAN_SECONDS = 5.0
_LESS = "choose fewer trials, a smaller picture or a smaller network"


class Stopped(Exception):
    """The control asked to stop before there was an iteration; `asked` says how."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self.asked = asked


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
) -> dict[str, Any]:
    """Run the experiment and return the JSON object of the command line (docs/command_line.md).

    checkpoint: file that the state is kept in; if it holds one of this experiment, the run goes on
    from there, with its plan, and ends as if it had never stopped. ground_truth: whether the
    originals may be compared with; without, every such value is None. questions: a cache of prepared ones. lane: whose memory it may take.
    foresee: is called before the loop with the seconds that the loop is expected to take.

    `status` is done, cancelled (with what there was), or paused (stopped at a checkpoint, with run_id and `asked` only).
    Raises SpecError or Refused, one sentence.
    """
    check(experiment)
    footprint.refuse(experiment, lane)
    try:
        question = _prepare(experiment, sink, control, questions or Questions(most=1))
        run = _Run(question, sink, control, checkpoint, ground_truth, lane)
        if foresee is not None and run.iteration == 0:
            foresee(estimate.of_run(question, run.plan))
        return run.to_end()
    except Stopped as stop:
        status = "cancelled" if stop.asked == "cancel" else "paused"
        return {"run_id": sink.run_id, "out": str(sink.folder), "status": status, "asked": stop.asked, "iterations": 0}
    except (MemoryError, RuntimeError) as error:
        if not memory_ran_out(error):
            raise
        where = " of the device" if isinstance(error, torch.OutOfMemoryError) else ""
        raise SpecError(f"the memory{where} is full: {_LESS}") from None


def _prepare(experiment: Experiment, sink: Sink, control: Control, questions: Questions) -> Question:
    results.write_text(sink.folder / "experiment.json", experiment.to_json(indent=2))
    told = 0.0

    def progress(fraction: float, text: str) -> None:
        nonlocal told
        asked = control.poll()
        if asked:
            raise Stopped(asked)
        if time.monotonic() - told > 0.3:
            told = time.monotonic()
            sink.record({"stage": text, "fraction": fraction}, [])

    question = questions.get(experiment, choose_device(experiment.device), progress)
    for notice in question.pictures.notices:
        sink.notice(notice)
    refuse_no_signal(question)
    return question


class _Run:
    """The loop over `attack.step`, with its budget, checkpoints and live view."""

    def __init__(
        self, question: Question, sink: Sink, control: Control, file: Path | None, truth: bool, lane: str
    ) -> None:
        self.question, self.sink, self.control = question, sink, control
        self.file, self.truth = file, (truth := truth and question.pictures.known)
        self.experiment = question.experiment
        self.key = self.experiment.key()
        kept = file is not None and file.exists()
        found = checkpoints.load(file, self.key, question.device) if kept else None
        if kept and found is None:
            sink.notice("the checkpoint could not be read, so the run starts from the beginning")
        settings, done = self.experiment.attack, question.round
        self.plan = planned.of_run(question, found and found.plan, PLAN_SECONDS, lane, sink)
        self.risk = risk_meter.measure(question)
        self.attack: Attack = attacks.make(
            settings, done.update, done.knowledge, plan=self.plan, device=question.device
        )
        self.state = found.state if found else self.attack.init(self.experiment.seed)
        self.seconds = found.seconds if found else 0.0
        self.iteration = found.iteration if found else 0
        sink.forget_points(self.iteration)
        if truth:
            sink.originals(to_uint8(torch.from_numpy(question.pictures.images)))
        if found:
            sink.log(f"resumed from the checkpoint at iteration {self.iteration}")
        if truth:
            self._quality(
                torch.from_numpy(question.pictures.images)
            )  # imports scikit-image, which is no cost of the view
        self.recorder = Recorder(
            sink, self._about(), getattr(self.attack, "steps", settings.iterations), self.experiment.seconds,
            self._quality if truth else None, found.points if found else [], found.every if found else 1,
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

    def to_end(self) -> dict[str, Any]:
        """Iterate until the attack is done, the budget is spent, or the control says otherwise."""
        saved, pause_between = time.monotonic(), CHECKPOINT_SECONDS
        asked, done = "", False
        while not done:
            asked = self.control.poll()
            if asked:
                break
            began = time.perf_counter()
            self.state, self.step = self.attack.step(self.state)
            self.seconds += time.perf_counter() - began
            self.iteration = self.step.iteration
            done = self._over(self.step)
            shown = self._shown() if done and not self.step.done else self.step
            self.recorder.take(shown, self.seconds, lambda: self.attack.residual(self.state), done)
            if self.file is not None and not done and time.monotonic() - saved > pause_between:
                before = time.monotonic()
                self._save()
                saved = time.monotonic()
                pause_between = max(CHECKPOINT_SECONDS, (saved - before) / CHECKPOINT_SHARE)
        if asked:
            return self._stopped(asked)
        self.sink.log(f"done after {self.iteration} iterations: {self.note}")
        return self._result("done")

    def _shown(self) -> Step:
        return answered(self.step, self.attack.answer(self.state)[0])

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

    def _stopped(self, asked: str) -> dict[str, Any]:
        if self.step is not None:
            shown = self._shown() if asked == "cancel" else self.step
            told = replace(shown, events=(), layer=None)  # told when the step was taken
            self.recorder.take(told, self.seconds, lambda: self.attack.residual(self.state), True)
            self._save()
        if asked != "cancel" or self.step is None:
            raise Stopped(asked)
        self.note = f"cancelled after {self.iteration} iterations"
        self.sink.log(self.note)
        return self._result("cancelled")

    def _more(self, images: np.ndarray) -> dict[str, Any]:
        """What a recursion's result has besides, and the risk meter as it stood before."""
        found = recursion_results.extras(self.question, images, self.truth, self.sink.folder)
        if self.recorder.layers.told:
            found["layers"] = self.recorder.layers.told
        return {**found, "risk": self.risk}

    def _result(self, status: str) -> dict[str, Any]:
        self.sink.record({**self.recorder.last, "stage": "comparing with the original"}, [])
        document, images = results.result(
            self.question, self.attack, self.state, self.step,
            run_id=self.sink.run_id, status=status, note=self.note, seconds=self.seconds,
            iterations=self.iteration, plan=self.plan.model_dump(mode="json"),
            residual=self.recorder.residual, truth=self.truth, more=self._more,
        )  # fmt: skip
        document["out"] = str(self.sink.folder)
        risk_meter.afterwards(self.question, document)
        originals = self.question.pictures.images if self.truth else None
        results.write_files(self.sink.folder, document, images, originals, self.recorder.points)
        if status == "done" and self.file is not None:
            self.file.unlink(missing_ok=True)
        return document


__all__ = ["Refused", "Stopped", "execute"]
