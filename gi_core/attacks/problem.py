"""The value and gradient that an optimiser sees: objective + lambda TV, over x and soft labels.

A point z (D,) is the picture (N*C*H*W) and, when labels are optimised jointly, their logits (N*K).
Trials are evaluated in chunks that fit the memory; a chunk halves when the memory does not suffice.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks import objectives
from gi_core.attacks.base import Refused
from gi_core.attacks.gradient import GradientMap, flatten, last_dense
from gi_core.attacks.labels import draw_logits
from gi_core.attacks.observation import observe, refuse_bad_update
from gi_core.attacks.priors import Pixels, add_total_variation
from gi_core.attacks.trials import generator, start
from gi_core.federated.losses import as_labels
from gi_core.federated.types import Knowledge, Update
from gi_core.spec.plan import Plan


class MatchingProblem:
    """D(g(x, y), g*) + lambda TV(x) for trials; settings: objective, tensors, weighting, labels, start."""

    def __init__(self, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device, *, objective: str,
                 labels: str, start: str, precision: str, total_variation: float = 0.0, tensors: str = "all",
                 weighting: str = "equal", small_gradients: str = "published"):  # fmt: skip
        self.events: list[str] = []
        self.device, self.dtype = device, getattr(torch, precision)
        self.update, self.knowledge, self.plan = update, knowledge, plan
        self.start = start if start != "auto" else "grey" if update.images == 1 else "randn"
        self.tv, self.name, self.weighting = total_variation, objective, weighting
        self.shape = (update.images, *knowledge.input_shape)
        self.pixel_count = int(torch.Size(self.shape).numel())
        self.seen = observe(update, knowledge, self._strategy(labels, small_gradients), self.dtype, device)
        self.joint, self.size = self.seen.target is None, self.seen.size
        self.gradient = GradientMap(knowledge, self.seen.loss, plan, self.dtype, device)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=self.dtype, device=device))
        self.random = tensors == "random8"
        self.chunk = max(1, plan.chunk)
        self._choose(list(range(min(8, len(update.tensors)))) if self.random else self._named(tensors))

    def _strategy(self, labels: str, small_gradients: str) -> str:
        """The label strategy asked for, or the observed delta where the gradient is small and that was asked."""
        refuse_bad_update(norm := self.update.norm())
        layer = last_dense(self.knowledge.model)
        readable = self.update.images == 1 and layer is not None and layer.bias is not None
        if small_gradients == "published" or norm >= 1.0 or not readable:
            return labels
        self.events.append(f"the gradient is small (norm {norm:.1e}), so dL/dlogits is read from the last bias")
        return "observed_delta"

    def _named(self, tensors: str) -> list[int]:
        try:
            return objectives.choose_tensors(tensors, self.seen.norms)
        except ValueError as error:
            raise Refused(str(error)) from None

    def _choose(self, index: list[int]) -> None:
        chosen, count = [self.seen.gradients[i] for i in index], len(self.seen.gradients)
        weights = objectives.depth_weights(self.weighting, index, count)
        flat = torch.cat([t.reshape(-1) for t in chosen])
        refuse_bad_update(float(flat.double().norm()))
        self.objective = objectives.make(self.name, flat, [t.numel() for t in chosen], weights)
        self.index = None if len(index) == count else index

    def redraw(self, seed: int, iteration: int) -> None:
        """A new choice of tensors, where the settings ask for a random one."""
        if self.random:
            order = torch.randperm(len(self.seen.gradients), generator=generator(seed, 2**31 - 1, iteration))
            self._choose(sorted(order[:8].tolist()))

    def draw(self, seed: int, trial: int, attempt: int) -> Tensor:
        """The start (D,) of one attempt of one trial: picture first, then label logits."""
        draws = generator(seed, trial, attempt)
        x = start(self.start, self.shape, draws, Pixels(self.knowledge.mean, self.knowledge.std, torch.zeros(())))
        parts = [x.reshape(-1)]
        if self.joint:
            parts.append(draw_logits((self.shape[0], self.knowledge.classes), draws).reshape(-1))
        return torch.cat(parts).to(self.device, self.dtype)

    def split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (T, D) -> pictures (T, N, C, H, W) and label target or logits (T, N, K)."""
        x = z[:, : self.pixel_count].view(-1, *self.shape)
        if self.joint:
            return x, z[:, self.pixel_count :].view(len(z), self.shape[0], -1)
        return x, self.seen.target.expand(len(z), -1, -1)

    def recovered(self, z: Tensor) -> Tensor:
        """Labels (T, N) of the points."""
        return as_labels(self.split(z)[1]).cpu() if self.joint else self.seen.labels.expand(len(z), -1)

    def evaluate(self, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """z (T, D) -> gradient (T, D) and the terms `gradient`, `total_variation`, `total` (T,)."""
        while True:
            try:
                with self.gradient.running():
                    parts = [self._evaluate(part) for part in z.split(self.chunk)]
                break
            except torch.OutOfMemoryError:
                if self.chunk == 1 or len(z) == 1:
                    raise Refused(
                        "the device's memory does not hold one trial: choose a smaller picture, network or batch"
                    ) from None
                self.chunk = (min(self.chunk, len(z)) + 1) // 2
                self.events.append(f"out of memory: trials now advance {self.chunk} at a time")
                torch.cuda.empty_cache()
        if len(parts) == 1:
            return parts[0]
        gradient = torch.cat([p[0] for p in parts])
        terms = {name: torch.cat([p[1][name] for p in parts]) for name in parts[0][1]}
        return gradient, terms

    def _evaluate(self, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        leaf = z.detach().requires_grad_(True)
        x, target = self.split(leaf)
        # One flat output: a single cotangent, and tensors that do not depend on x take no part.
        g = flatten(self.gradient(x, target, self.index))
        value, cotangent = self.objective(g.detach())
        (gradient,) = torch.autograd.grad(g, leaf, cotangent)
        terms = {"gradient": value}
        total = value
        if self.tv:
            tv = add_total_variation(x.detach(), self.tv, gradient[:, : self.pixel_count].view_as(x))
            terms["total_variation"] = tv
            total = total + self.tv * tv
        terms["total"] = total
        return gradient, terms

    def take_events(self) -> list[str]:
        """What happened since the last call."""
        events, self.events = self.events, []
        return events

    def residual(self, z: Tensor) -> dict[str, float]:
        """||g_l - g*_l|| / ||g*_l|| of every tensor at one point z (D,)."""
        with self.gradient.running():
            g = self.gradient(*self.split(z[None]))
        pairs = zip(self.update.tensors, g, self.seen.gradients, self.seen.norms, strict=True)
        return {k: float((a.detach()[0] - b).double().norm()) / (n or 1.0) for k, a, b, n in pairs}
