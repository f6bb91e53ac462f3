"""Reading a layer of bins as an attack: the bins, then what of them is one picture, with its label."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import torch
from torch import Tensor

from gi_core.attacks.base import Certificate, LayerReport, Refused, State, Step
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.attacks.observation import refuse_bad_update
from gi_core.attacks.recursion.imprint import cards
from gi_core.attacks.recursion.imprint.proof import Proof, prove
from gi_core.attacks.recursion.imprint.reading import Reading, prepared_rows, read
from gi_core.attacks.recursion.imprint.told import Told, told
from gi_core.attacks.recursion.spear import proof as replayed
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
        source = prepared_rows(knowledge.model)
        if source is None:
            raise Refused(NONE_THERE)
        if knowledge.schedule is not None and knowledge.schedule.optimiser != "sgd":
            raise Refused(ADAM)
        self.settings, self.update, self.knowledge, self.plan, self.source = settings, update, knowledge, plan, source
        self.reading: Reading = read(update, knowledge, source)
        self.shape = (update.images, *knowledge.input_shape)

    @cached_property
    def proof(self) -> Proof | None:
        return prove(self.reading, self.update, self.knowledge, self.source)

    @cached_property
    def told(self) -> Told:
        return told(self.reading, self.proof, self.update.images, self.source.bins is not None)

    def operations(self) -> float:
        """Floating point operations, roughly: the rows, and a forward pass and its slopes of each bin."""
        rows = 20.0 * self.source.layer.weight.numel()
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
            return state, self._shown(state, cards.rows(self.reading, self.source), False)
        told = self.told
        places = _filled(len(told.reading.at), told.alone, self.update.images)
        state["alone"] = told.alone
        if len(places):
            state["pictures"], state["labels"] = told.reading.pictures[places].clone(), self._labels(len(places))
            state["pictures"][told.alone :].clamp_(0, 1)  # weights of both signs leave a mean outside
        return state, self._shown(state, cards.pictures(told, self.source.bins is not None), True)

    def _labels(self, count: int) -> Tensor:
        """(N,): by proof of those that were alone; the others take in turn what the last layer shows besides."""
        labels = torch.full((count,), -1)
        labels[: self.told.alone] = self.told.labels
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
        found = 1.0 if state["alone"] is None else 1 - state["alone"] / self.update.images
        value = torch.tensor([found], dtype=torch.float64)
        said = ""
        if done:
            said = cards.note(self.told, self.proof, self.update, self.source, one_step(self.knowledge.schedule))
        return Step(
            iteration=state["iteration"], losses={"missing": value, "total": value}, images=images[None], labels=labels[None], best=0,
            score=value, rate=float(len(self.reading.at)), done=done, note=said, layer=layer,
        )  # fmt: skip

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        """Pictures that were alone first, then the means of the other bins by turns; grey, with the label -1, before that."""
        if state["pictures"] is None:
            return torch.full(self.shape, 0.5, dtype=torch.float64), torch.full((self.update.images,), -1)
        return state["pictures"], state["labels"]

    def proved(self, state: State) -> int:
        """How many pictures are proved one by one, the first of the answer."""
        return int(state["alone"] or 0) if self.proof is not None else 0

    def certificate(self, state: State) -> Certificate | None:
        """By the rows of pictures that were alone; nothing where that is not proved."""
        alone = self.proved(state)
        if not alone:
            return None
        left, error = self.update.images - alone, float(self.told.reading.error[:alone].max())
        apart = f"{left} picture{'s' * (left > 1)} shared {'a row' if left == 1 else 'rows'}" if left else ""
        return Certificate(f"rows of {alone} pictures, each proved by its label", apart, error)

    def residual(self, state: State) -> dict[str, float]:
        """Of every tensor of one gradient; of the layer of bins alone where labels or steps do not let it be played."""
        if state["pictures"] is None:
            return {}
        labels, classes = state["labels"], max(2, self.knowledge.classes)
        playable = self.update.kind == "gradient" and bool(((labels >= 0) & (labels < classes)).all())
        if not playable or self.knowledge.loss in ("own", "multi_label"):
            return {f"{self.source.path}.weight": 1 - state["alone"] / self.update.images}
        x = (state["pictures"] - _column(self.knowledge.mean)) / _column(self.knowledge.std)
        names, own, seen = replayed.gradients(x, labels, self.update, self.knowledge, self.plan)
        return {
            name: float((g - s).norm()) / (float(s.norm()) or 1.0) for name, g, s in zip(names, own, seen, strict=True)
        }


def _filled(rows: int, alone: int, images: int) -> Tensor:
    """(N,) which row each picture is taken from: those that hold one, then the others again and again."""
    first, rest = torch.arange(min(alone, images)), torch.arange(alone, rows)
    left = images - len(first)
    if not left or not rows:
        return first
    again = rest if len(rest) else first
    return torch.cat([first, again.repeat(-(-left // len(again)))[:left]])


def _column(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)
