"""What one evaluation of a network costs under a plan, and which of several plans is fastest."""

from __future__ import annotations

import time

import torch

from gi_core.attacks import objectives
from gi_core.networks.losses import Loss, as_target, loss_of
from gi_core.numerics.gradient import GradientMap, kernels, linear_loss, pull
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

FEW, SHORT = 2, 0.3
"""Pictures that stand for a batch which takes longer than so many seconds."""
MOST_TURNS, HOPELESS = 9, 1.3
CLEARLY = 1.05
"""Times as fast channels-last must be, which costs a copy wherever something is not."""
INFINITY = float("inf")


class Clock:
    """CPU seconds (on a GPU: seconds) of one gradient, its distance and its image gradient, for one trial of the update.

    Of a batch that takes long, of two of its pictures, times as many. spent: seconds so far.
    """

    def __init__(self, update: Update, knowledge: Knowledge, dtype: torch.dtype, device: torch.device):
        self.update, self.knowledge, self.dtype, self.device = update, knowledge, dtype, device
        self.images, self.spent = min(update.images, FEW), 0.0
        if knowledge.loss == "own":
            self.images = update.images  # its targets are those of all pictures
        self.maps: dict[bool, GradientMap] = {}
        target = [t.detach().to(device, dtype) for t in update.tensors.values()]
        self.objective = objectives.make("cosine", target, [1.0] * len(target))

    @property
    def share(self) -> float:
        """Share of the whole batch that `once` evaluates."""
        return self.images / self.update.images

    def once(self, plan: Plan) -> float:
        """Seconds of one trial when as many advance together as the plan says."""
        began = self.now()
        if plan.channels_last not in self.maps:
            self.maps[plan.channels_last] = GradientMap(self.knowledge, self._loss(), plan, self.dtype, self.device)
        gradient, seconds = self.maps[plan.channels_last], 0.0
        with kernels(plan):
            seconds = self._evaluate(gradient, plan.chunk)
            if self.share < 1 and seconds / self.share < SHORT * plan.chunk:
                self.images = self.update.images  # the batch itself takes no time either
                seconds = self._evaluate(gradient, plan.chunk)
        self.spent += self.now() - began
        return seconds / self.share / plan.chunk

    def _loss(self) -> Loss:
        """The client's; of one whose targets are not known, what is matched in its place."""
        terms = self.knowledge.terms
        return linear_loss if terms.own and terms.own.targets is None else loss_of(self.knowledge.loss, terms)

    def compare(self, first: Plan, rivals: list[Plan], allowed: float) -> Plan:
        """The fastest plan, measured in turns within `allowed` more seconds; it has no `seconds` where there was no time to compare."""
        until, running = self.spent + allowed, [first, *rivals]
        times: dict[str, float] = {}
        for turn in range(MOST_TURNS):
            for i, plan in enumerate(running):
                costs = 2 * plan.chunk * self.share * min(times.values()) if times else 0.0  # a first call takes longer
                if self.spent + costs > until:
                    break
                if turn == 0 and i:
                    self.once(plan)
                times[repr(plan)] = min(times.get(repr(plan), INFINITY), self.once(plan))
            else:
                fastest = min(times.values())
                if turn:  # once may have been a bad moment
                    running = [p for p in running if times[repr(p)] < HOPELESS * fastest]
                if len(running) > 1:
                    continue
            break
        if len(times) < 2:
            return first
        timed = [p for p in [first, *rivals] if repr(p) in times]
        best = min(timed, key=lambda p: times[repr(p)] * (CLEARLY if p.channels_last else 1.0))
        return best.model_copy(update={"seconds": times[repr(best)]})

    def _evaluate(self, gradient: GradientMap, trials: int) -> float:
        shape = (trials, self.images, *self.knowledge.input_shape)
        x = torch.full(shape, 0.5, dtype=self.dtype, device=self.device)
        x += torch.linspace(0, 0.1, x[0].numel(), dtype=self.dtype, device=self.device).view_as(x[0])
        labels = torch.zeros(self.images, dtype=torch.int64)
        target = as_target(labels, self.knowledge.classes, x).expand(trials, -1, -1)
        began = self.now()
        leaf = x.requires_grad_(True)
        g = gradient(leaf, target)
        _, slopes = self.objective([t.detach() for t in g])
        pull(g, [leaf], slopes)
        return self.now() - began

    def now(self) -> float:
        if self.device.type != "cpu":
            torch.cuda.synchronize() if self.device.type == "cuda" else None
            return time.perf_counter()
        # What else the machine does is not this network's: the clock of this thread, where it does all the work.
        return time.thread_time() if torch.get_num_threads() == 1 else time.process_time()
