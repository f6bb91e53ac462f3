"""Reading a layer of bins as an attack: the bins, then what of them is one picture, with its label."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import torch
from torch import Tensor

from gi_core.attacks.base import LayerReport, Refused, State, Step
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.attacks.observation import refuse_bad_update
from gi_core.attacks.recursion.imprint import cards
from gi_core.attacks.recursion.imprint.proof import Proof, prove
from gi_core.attacks.recursion.imprint.reading import WEIGHT, Reading, read
from gi_core.attacks.recursion.spear import proof as replayed
from gi_core.networks.imprint import bins_of
from gi_core.settings.imprint_attacks import ReadBins
from gi_core.settings.imprint_checks import ADAM, NONE_THERE
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update


class BinReader:
    """The machine (see `attacks.base.Attack`), in float64 on the CPU. It is given the changes of any number of steps of SGD."""

    simulates = True
    steps = 2

    def __init__(self, settings: ReadBins, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device):
        refuse_bad_update(update.norm())
        front = bins_of(knowledge.model)
        if front is None:
            raise Refused(NONE_THERE)
        if knowledge.schedule is not None and knowledge.schedule.optimiser != "sgd":
            raise Refused(ADAM)
        self.settings, self.update, self.knowledge, self.plan, self.front = settings, update, knowledge, plan, front
        self.reading: Reading = read(update, knowledge, front)
        self.shape = (update.images, *knowledge.input_shape)

    @cached_property
    def proof(self) -> Proof | None:
        return prove(self.reading, self.update, self.knowledge)

    def operations(self) -> float:
        """Floating point operations, roughly: the rows, and a forward pass and its slopes of each bin."""
        rows = 20.0 * self.front.measure.weight.numel()
        return rows + 30.0 * len(self.reading.at) * sum(p.numel() for p in self.knowledge.model.parameters())

    # a step

    def init(self, seed: int) -> State:
        """Raises Refused."""
        if self.settings.labels == "known" and self.knowledge.labels is None:
            raise Refused("the server does not know the labels: choose labels=infer")
        return {"iteration": 0, "pictures": None, "labels": None, "alone": None}

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        if state["iteration"] == 1:
            return state, self._shown(state, cards.bins(self.reading), False)
        alone = self._alone()
        order = torch.cat([alone.nonzero()[:, 0], (~alone).nonzero()[:, 0]])
        places = _filled(order, int(alone.sum()), self.update.images)
        state["alone"] = alone
        if len(places):
            state["pictures"], state["labels"] = self.reading.pictures[places].clone(), self._labels(places, alone)
        return state, self._shown(state, cards.pictures(self.reading, alone), True)

    def _alone(self) -> Tensor:
        """(M,) which bins hold one picture, by all that the attacker can tell; never more than there are pictures."""
        found = self.reading.plausible if self.proof is None else self.reading.plausible & self.proof.single
        if int(found.sum()) > self.update.images:
            sure = torch.where(found, self.reading.size.abs(), 0.0).topk(self.update.images).indices
            found = torch.zeros_like(found).index_fill(0, sure, True)
        return found

    def _labels(self, places: Tensor, alone: Tensor) -> Tensor:
        """(N,): by proof of those that were alone; the others take in turn what the last layer shows besides."""
        labels = torch.full((len(places),), -1)
        if self.proof is not None:
            own = alone[places]
            labels[own] = self.proof.labels[places][own]
        try:
            mean = as_mean_gradient(self.update, self.knowledge.schedule, self.knowledge.model)
            strategy = "known" if self.knowledge.labels is not None else "auto"
            shown = hard_labels(strategy, mean, self.knowledge)
        except Refused:
            return labels
        if shown.dim() == 1:
            left = list((Counter(shown.tolist()) - Counter(labels.tolist())).elements())
            for k in (labels < 0).nonzero()[:, 0].tolist():
                labels[k] = left.pop(0) if left else labels[k]
        return labels

    # what is shown

    def _shown(self, state: State, layer: LayerReport, done: bool) -> Step:
        images, labels = self.answer(state)
        found = 1.0 if state["alone"] is None else 1 - float(state["alone"].sum()) / self.update.images
        value = torch.tensor([found], dtype=torch.float64)
        said = (
            cards.note(self.reading, state["alone"], self.proof, self.update, one_step(self.knowledge.schedule))
            if done
            else ""
        )
        return Step(
            iteration=state["iteration"], losses={"missing": value, "total": value}, images=images[None], labels=labels[None], best=0,
            score=value, rate=float(len(self.reading.at)), done=done, note=said, layer=layer,
        )  # fmt: skip

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        """Pictures that were alone first, then the means of the other bins by turns; grey, with the label -1, before that."""
        if state["pictures"] is None:
            return torch.full(self.shape, 0.5, dtype=torch.float64), torch.full((self.update.images,), -1)
        return state["pictures"], state["labels"]

    def residual(self, state: State) -> dict[str, float]:
        """Of every tensor of one gradient; of the layer of bins alone where labels or steps do not let it be played."""
        if state["pictures"] is None:
            return {}
        labels, classes = state["labels"], max(2, self.knowledge.classes)
        playable = self.update.kind == "gradient" and bool(((labels >= 0) & (labels < classes)).all())
        if not playable or self.knowledge.loss in ("own", "multi_label"):
            return {WEIGHT: 1 - float(state["alone"].sum()) / self.update.images}
        x = (state["pictures"] - _column(self.knowledge.mean)) / _column(self.knowledge.std)
        names, own, seen = replayed.gradients(x, labels, self.update, self.knowledge, self.plan)
        return {
            name: float((g - s).norm()) / (float(s.norm()) or 1.0) for name, g, s in zip(names, own, seen, strict=True)
        }


def _filled(order: Tensor, alone: int, images: int) -> Tensor:
    """(N,) which bin each picture is taken from: those that hold one, then the others again and again."""
    first, rest = order[:alone], order[alone:]
    left = images - alone
    if not left or not len(order):
        return first
    again = rest if len(rest) else order
    return torch.cat([first, again.repeat(-(-left // len(again)))[:left]])


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)
