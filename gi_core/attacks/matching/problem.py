"""The value and gradient that an optimiser sees: the weighted terms over what is searched, and soft labels.

A point z (D,) is what the parametrisation searches (pixels, a grey map, a decoder's weights) and, when labels are
optimised jointly, their logits (N*K). Trials are evaluated in chunks that fit the memory; a chunk halves when the
memory does not suffice.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.batch_norm.matched import statistics
from gi_core.attacks.client_round.simulation import RoundMap
from gi_core.attacks.matching import regularisers
from gi_core.attacks.matching.classification import ClientLoss
from gi_core.attacks.matching.decoders import make_space
from gi_core.attacks.matching.denoised import denoised
from gi_core.attacks.matching.distance import Distance
from gi_core.attacks.matching.earlier import EarlierRound
from gi_core.networks.losses import as_labels
from gi_core.numerics.generators import generator
from gi_core.numerics.gradient import pull
from gi_core.settings.attacks import Matching
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

Drift = list[list[Tensor]]


class MatchingProblem:
    """sum of weighted terms for trials. sent: the update as it left the client; update: the same in a gradient's units."""

    def __init__(
        self, sent: Update, update: Update, knowledge: Knowledge, o: Matching, plan: Plan, device: torch.device
    ):
        self.device, self.dtype = device, torch.float64 if o.double else torch.float32
        self.update, self.knowledge, self.o = update, knowledge, o
        self.weight = 0.0 if sent.silent else o.gradient_weight
        self.distance = Distance(update, knowledge, o, self.dtype, device)
        self.seen, self.events = self.distance.seen, self.distance.events
        self.joint = self.seen.target is None
        self.smoothing = regularisers.Smoothing(o.total_variation)
        if self.distance.belief is not None:
            self.smoothing, said = denoised(o, self.distance.belief, self.seen, update.images, knowledge)
            self.events += said
        self.statistics = statistics(sent, knowledge, o, self.dtype, device)
        self.gradient = RoundMap(
            sent, knowledge, self.seen.loss, plan, self.dtype, device,
            rounds=o.rounds, watch=self.statistics is not None and self.statistics.along, free=o.epochs_order == "free",
        )  # fmt: skip
        self.earlier = [EarlierRound(one, o, plan, self.dtype, device) for one in knowledge.earlier]
        if self.gradient.surrogate:
            steps = knowledge.schedule.steps if knowledge.schedule else 1
            self.events.append(f"the {steps} local steps are matched by one gradient halfway through the round")
        self.copies = self.gradient.copies
        self.shape = (update.images * self.copies, *knowledge.input_shape)
        like = torch.zeros((), dtype=self.dtype, device=device)
        self.space = make_space(o, self.shape, update.images, knowledge, like)
        self.plain = regularisers.of_picture(o, self.smoothing, self.copies)
        self.client_loss, weight = None, o.classification_weight
        if weight:
            rate = knowledge.schedule.learning_rate if knowledge.schedule else 1e-2
            self.client_loss = ClientLoss(self.gradient, self.seen.loss, o.classification, weight, rate)
        self.chunk = max(1, plan.chunk)
        if len(self.seen.sent) < len(update.tensors):
            left_out = ", ".join(name for name in update.tensors if name in update.withheld)
            self.events.append(f"not sent, so not matched: {left_out}")

    def draw(self, seed: int, trial: int, attempt: int) -> Tensor:
        """The start (D,) of one attempt of one trial: what is searched first, then label logits from N(0, 1)."""
        draws = generator(seed, trial, attempt)
        parts = [self.space.draw(draws)]
        if self.joint:
            parts.append(torch.randn(self.update.images * self.knowledge.classes, generator=draws))
        return torch.cat(parts).to(self.device, self.dtype)

    def split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (T, D) -> what is searched (T, S) and label target or logits (T, N, K)."""
        point = z[:, : self.space.size]
        if self.seen.target is None:
            return point, z[:, self.space.size :].view(len(z), self.update.images, -1)
        return point, self.seen.target.expand(len(z), -1, -1)

    def box(self, z: Tensor) -> Tensor:
        """z (T, D) with its pixels kept in [0, 1], in place."""
        self.space.clamp_(self.split(z)[0])
        return z

    def pictures(self, z: Tensor) -> Tensor:
        """z (T, D) -> pixels (T, N, C, H, W), not clamped; of the first epoch where each has its own."""
        with torch.no_grad():
            return self.space.pictures(self.split(z)[0])[:, : self.update.images]

    def recovered(self, z: Tensor) -> Tensor:
        """Labels (T, N) of the points; where a picture may have several, the first."""
        if self.seen.labels is not None:
            return self.seen.labels.expand(len(z), -1)
        free = self.split(z)[1]
        return as_labels((free > 0).float() if self.knowledge.loss == "multi_label" else free).cpu()

    def evaluate(self, z: Tensor, drift: Drift | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """z (T, D) -> gradient (T, D) and the terms by name, `total` among them (T,).

        drift: weights of each trial's drifting network, moved by one step; None leaves that term's network fixed.
        """
        while True:
            try:
                with self.gradient.running():
                    parts = [self._evaluate(p, i * self.chunk, drift) for i, p in enumerate(z.split(self.chunk))]
                break
            except torch.OutOfMemoryError:
                if self.chunk == 1 or len(z) == 1:
                    raise Refused(
                        "the device's memory does not hold one trial: choose a smaller picture, network or batch"
                    ) from None
                self.chunk = (min(self.chunk, len(z)) + 1) // 2
                self.events.append(f"out of memory: trials now advance {self.chunk} at a time")
                torch.cuda.empty_cache()
        gradient, terms = parts[0]
        if len(parts) > 1:
            gradient = torch.cat([p[0] for p in parts])
            terms = {name: torch.cat([p[1][name] for p in parts]) for name in terms}
        if self.o.group_weight and len(z) > 1:
            point = self.split(z.detach())[0].detach().requires_grad_(not self.space.identity)
            x = self.space.network(point)
            slope = torch.zeros_like(x)
            group = regularisers.add_group(x.detach(), self.o.group_weight, slope, self.o.register_group)
            self.split(gradient)[0].add_(self._pulled(point, x, slope))
            terms |= {"group": group, "total": terms["total"] + self.o.group_weight * group}
        return gradient, terms

    def _evaluate(self, z: Tensor, first: int, drift: Drift | None) -> tuple[Tensor, dict[str, Tensor]]:
        point, target = self.split(z.detach())
        if not self.space.identity:
            point = point.detach().requires_grad_(True)
        x = self.space.network(point)
        leaf = x.detach().requires_grad_(True)
        target = target.detach().requires_grad_(self.joint)
        slopes, terms = self._matched(leaf, target)
        gx, gt = slopes[0], slopes[1] if self.joint else None
        total = self.weight * terms["gradient"]
        if self.statistics is not None:
            total = total + self.o.batch_norm_weight * terms["batch_norm"]
        for name, weight, add in self.plain:
            terms[name] = add(leaf.detach(), weight, gx)
            total = total + weight * terms[name]
        if self.client_loss is not None:
            part = None if drift is None else drift[first : first + len(z)]
            shown = leaf[:, : self.update.images]
            terms["classification"] = self.client_loss.add(shown, target, gx[:, : self.update.images], gt, part)
            total = total + self.o.classification_weight * terms["classification"]
        terms["total"] = total
        parts = [self._pulled(point, x, gx), *([gt.reshape(len(z), -1)] if gt is not None else [])]
        return (torch.cat(parts, 1) if gt is not None else parts[0]), terms

    def _pulled(self, point: Tensor, x: Tensor, slope: Tensor) -> Tensor:
        """A slope in the network's input (T, M, C, H, W) -> in what is searched (T, S)."""
        if not self.space.identity:
            (slope,) = pull([x], [point], [slope])
        return slope.reshape(len(x), -1)

    def _matched(self, x: Tensor, target: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Slopes in x (and target) of gradient and statistics, in one backward pass, and both terms."""
        outputs, cotangents, terms = [], [], {}
        whole = target.repeat(1, self.copies, 1) if self.copies > 1 else target
        tensors, seen = self.gradient.play(x, whole, self.distance.index)
        terms["gradient"], slopes = self.distance.objective([t.detach() for t in tensors])
        for one in self.earlier:
            more, along, value = one.matched(x, target)
            tensors, slopes = [*tensors, *more], [*slopes, *along]
            terms["gradient"] = terms["gradient"] + value
        if self.earlier:
            rounds = len(self.earlier) + 1
            terms["gradient"], slopes = terms["gradient"] / rounds, [s / rounds for s in slopes]
        if self.weight:
            weight = self.weight
            moving = [i for i, t in enumerate(tensors) if t.requires_grad]  # a last bias may depend on no pixel
            outputs += [tensors[i] for i in moving]
            cotangents += [slopes[i] if weight == 1.0 else slopes[i] * weight for i in moving]
        if self.statistics is not None:
            shown = seen if self.statistics.along else self.statistics.after(x)
            terms["batch_norm"], slope = self.statistics.distance(shown.detach())
            outputs.append(shown)
            cotangents.append(slope * self.o.batch_norm_weight)
        wanted = [x, target] if self.joint else [x]
        if not outputs:
            return [torch.zeros_like(w) for w in wanted], terms
        found = pull(outputs, wanted, cotangents, allow_unused=True)
        return [torch.zeros_like(w) if s is None else s for w, s in zip(wanted, found, strict=True)], terms

    def take_events(self) -> list[str]:
        """What happened since the last call."""
        events, self.events = self.events, []
        return events

    def residual(self, z: Tensor) -> dict[str, float]:
        """||g_l - g*_l|| / ||g*_l|| of every tensor that was sent, at one point z (D,)."""
        point, target = self.split(z[None])
        with self.gradient.running():
            tensors, _ = self.gradient.play(self.space.network(point).detach(), target.repeat(1, self.copies, 1))
        pairs = zip(self.update.tensors, tensors, self.seen.gradients, self.seen.norms, strict=True)
        every = [(k, float((a.detach()[0] - b).double().norm()) / (n or 1.0)) for k, a, b, n in pairs]
        return dict(every[i] for i in self.seen.sent)
