"""The live view of a run: curves, snapshots and progress, at a bounded share of its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gi_core.attacks.base import Step
from gi_core.experiments.recursion_layers import Layers
from gi_core.jobs.job import Point
from gi_core.jobs.sink import Sink

SHORTEST, SHARE, GROWTH = 0.4, 0.03, 0.01
MOST_NUMBERS = 32_000


def answered(step: Step, answer: Tensor) -> Step:
    """The last step of a run that ends early, with the answer (N, C, H, W) in the place of its best trial.

    A trial that has just begun anew shows its start, while its best picture is that of an attempt before.
    """
    images = step.images.clone()
    images[int(step.best)] = answer.to(images)
    return replace(step, images=images)


def to_uint8(images: Tensor) -> np.ndarray:
    """(..., C, H, W) in [0, 1], unclamped -> (..., H, W, C) uint8; NaN becomes black."""
    pixels = torch.nan_to_num(images.detach().float(), nan=0.0).clamp(0, 1).mul(255).round()
    return np.ascontiguousarray(pixels.to("cpu", torch.uint8).movedim(-3, -1).numpy())


class Pace:
    """When something that costs time may be done again.

    At once the first time, then every `SHORTEST` seconds, growing by `GROWTH` of the run's own
    length so that a long run keeps a bounded number, and never more than `SHARE` of the time.
    """

    def __init__(self) -> None:
        self._due = 0.0
        self.cost = 0.0

    def due(self, now: float) -> bool:
        return now >= self._due

    def spent(self, now: float, cost: float) -> None:
        """Note that it was just done and took `cost` seconds; `now` counts from the run's start."""
        self.cost = cost
        self._due = now + max(SHORTEST, GROWTH * now, cost / SHARE)


class Recorder:
    """Takes every Step; passes on what the view needs.

    quality: images of the best trial (N, C, H, W) -> (psnr, ssim), or None without ground truth.
    residual: relative residual per tensor, called only when its measured cost allows.
    """

    def __init__(
        self,
        sink: Sink,
        about: dict[str, Any],
        iterations: int,
        budget: float | None,
        quality: Callable[[Tensor], tuple[float | None, float | None]] | None,
        points: list[Point],
        every: int,
    ) -> None:
        self.sink, self.about, self.iterations, self.budget = sink, about, iterations, budget
        self.quality, self.points, self.every = quality, points, every
        self.residual: dict[str, float] = {}
        self.last: dict[str, Any] = dict(about)
        self.per_second = 0.0
        self._fresh: list[Point] = list(points)  # those after the last report before a kill are not reported yet
        self._snapshot, self._residual, self._report = Pace(), Pace(), Pace()
        self._residual.spent(0.0, 0.0)
        self._mark: tuple[float, int] | None = None
        self.layers = Layers(sink.folder, max((p.iteration for p in points), default=0))
        self._zero = time.perf_counter()

    def take(self, step: Step, seconds: float, residual: Callable[[], dict[str, float]], last: bool) -> None:
        """seconds: spent attacking so far. last: no iteration follows."""
        now = time.perf_counter() - self._zero
        for event in step.events:
            self.sink.log(event)
        if step.layer is not None:
            self.layers.take(step.layer)
        shown = last or self._snapshot.due(now)
        if shown or step.iteration == 1 or step.iteration % self.every == 0:
            self._add(self._point(step, seconds, shown))
        if shown:
            self.sink.snapshot(step.iteration, to_uint8(step.images))
            self._snapshot.spent(now, time.perf_counter() - self._zero - now)
        if last or self._residual.due(now):
            before = time.perf_counter()
            self.residual = residual()
            self._residual.spent(now, time.perf_counter() - before)
        if shown or self._report.due(now):
            self.report(step, seconds)
            self._report.spent(now, 0.0)

    def _point(self, step: Step, seconds: float, shown: bool) -> Point:
        best = int(step.best)
        losses = {name: float(values[best]) for name, values in step.losses.items()}
        quality = self.quality(step.images[best]) if shown and self.quality else (None, None)
        trials = step.losses["total"][: step.begun].tolist()
        return Point(step.iteration, seconds, float(step.rate), losses, trials, best, *quality)

    def _add(self, point: Point) -> None:
        if self.points and self.points[-1].iteration == point.iteration:
            self.points.pop()
        self.points.append(point)
        self._fresh.append(point)
        most = max(500, min(4000, MOST_NUMBERS // max(1, len(point.trial_losses))))
        if len(self.points) <= most:
            return
        self.every *= 2
        self.points = [p for p in self.points if self._stays(p)]
        self._fresh = [p for p in self._fresh if self._stays(p)]
        self.sink.thin_points(self.every)

    def _stays(self, point: Point) -> bool:
        return point.iteration == 1 or point.iteration % self.every == 0 or point.psnr is not None

    def report(self, step: Step, seconds: float) -> None:
        """Report where the run stands, and the points since the last report."""
        self._measure(step.iteration, seconds)
        left = None
        if self.per_second:
            left = max(0.0, (self.iterations - step.iteration) / self.per_second)
            left = left if self.budget is None else min(left, max(0.0, self.budget - seconds))
        self.last = {
            **self.about,
            "stage": "attacking",
            "iteration": step.iteration,
            "iterations": self.iterations,
            "seconds": seconds,
            "per_second": self.per_second,
            "seconds_left": left,
            "residual": self.residual,
            "trial_losses": step.losses["total"].tolist(),
            "best": int(step.best),
            "labels": step.labels.tolist(),
            "note": step.note,
            **({"layers": self.layers.found} if self.layers.found else {}),
            **({"tried": list(step.tried)} if step.tried else {}),
        }
        self.sink.record(self.last, self._fresh)
        self._fresh = []

    def _measure(self, iteration: int, seconds: float) -> None:
        """Iterations per second of the last few reports, smoothed."""
        if self._mark is None:
            self.per_second = iteration / seconds if seconds else 0.0
        elif seconds > self._mark[0] and iteration > self._mark[1]:
            now = (iteration - self._mark[1]) / (seconds - self._mark[0])
            self.per_second += 0.4 * (now - self.per_second) if self.per_second else now
        self._mark = (seconds, iteration)
