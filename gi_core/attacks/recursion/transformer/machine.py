"""A vision transformer as an attack: it chooses the way to the pictures by what was sent, and replays their gradient."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from gi_core.attacks.base import Certificate, LayerReport, Refused, State, Step
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.labels.last_layer import sent as last_sent
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.attacks.observation import observe, refuse_bad_update
from gi_core.attacks.recursion import masked
from gi_core.attacks.recursion.machine import Recursion
from gi_core.attacks.recursion.transformer import costs, decay, replay, sent, verdict
from gi_core.attacks.recursion.transformer.alone import Alone
from gi_core.attacks.recursion.transformer.cleared import Filled, of_one
from gi_core.attacks.recursion.transformer.given import Given, Way
from gi_core.attacks.recursion.transformer.preview import Preview
from gi_core.attacks.recursion.transformer.searching import Searching
from gi_core.attacks.recursion.transformer.tiles import Tiles
from gi_core.attacks.recursion.transformer.together import Together
from gi_core.networks.attention_shape import attention_shape
from gi_core.networks.bottleneck import bottlenecks
from gi_core.networks.imprint import bins_of
from gi_core.networks.tokens import Tokens, tokens_of
from gi_core.numerics.gradient import GradientMap
from gi_core.settings import closed_form_attacks, transformer_checks
from gi_core.settings.check import one_gradient_only
from gi_core.settings.imprint_checks import IN_FRONT
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

ZERO_HEAD = (
    "Below a head that starts at zero, as torchvision makes it, no gradient of the first steps on one picture says anything: take"
    " trained weights"
)


class TransformerMachine(Recursion):
    """The machine (see `attacks.base.Attack`), in float64 on the CPU. It is given the changes of any number of steps of SGD."""

    simulates = True
    settings: closed_form_attacks.Transformer

    def __init__(
        self, settings: closed_form_attacks.Transformer, update: Update, knowledge: Knowledge, plan: Plan,
        device: torch.device,
    ):  # fmt: skip
        refuse_bad_update(update.norm())
        if bottlenecks(knowledge.model):
            raise Refused(transformer_checks.BOTTLENECK)
        if bins_of(knowledge.model) is not None:
            raise Refused(IN_FRONT)
        tokens = tokens_of(knowledge.model, knowledge.input_shape)
        if tokens is not None and settings.weight_decay == "searched":
            knowledge = decay.searched(update, knowledge, tokens)
        if update.kind == "weight_change" and one_step(knowledge.schedule) and knowledge.schedule is not None:
            update = replace(as_mean_gradient(update, knowledge.schedule, knowledge.model), kind="gradient")
        self.settings, self.update, self.knowledge, self.plan = settings, update, knowledge, plan
        reason = transformer_checks.NO_TOKENS if tokens is None else self._refusal(tokens)
        if tokens is None or reason:
            raise Refused(reason)
        self.tokens: Tokens = tokens
        self.shape = (update.images, *knowledge.input_shape)
        tiles = Tiles(tokens, knowledge)
        self.pixels = tiles.pixels
        self.given = Given(settings, update, knowledge, tokens, tiles)
        self.way: Way = of_one(self.given) if update.images == 1 else self._of_batch()
        self.steps = self.way.steps

    @property
    def _several_steps(self) -> bool:
        return self.update.kind == "weight_change" and not one_step(self.knowledge.schedule)

    @property
    def _large(self) -> bool:
        return sum(p.numel() for p in self.knowledge.model.parameters()) > costs.LARGE

    def _refusal(self, tokens: Tokens) -> str:
        """Why this update gives no picture, "" where it may."""
        update, schedule = self.update, self.knowledge.schedule
        reason = ""
        if update.kind == "weight_change":
            reason = (
                one_gradient_only(self.settings.title) if schedule is None else transformer_checks.unsummed(schedule)
            )
        patches = tokens.kernel
        if reason or sent.there(update, [patches, tokens.positions]):
            return reason or (ZERO_HEAD if not bool(update.tensors[tokens.positions].any()) else "")
        if not sent.there(update, [patches]):
            return f"the gradient of the patches, {patches}, was not sent. {ZERO_HEAD}"
        if not tokens.reading or not sent.there(update, tokens.reading):
            return (
                f"the gradient of the positions, {tokens.positions}, was not sent, and the first attention's is not there or"
                " does not read the tokens as they are: choose gradient matching"
            )
        if self._several_steps:
            return "without the positions' gradient one step is needed, and this client took several: choose matching"
        if update.images > 1:
            return ""  # said by the bounds of a batch
        values = math.prod(tokens.patch) * self.knowledge.input_shape[0]
        return transformer_checks.too_narrow(tokens.count, tokens.prefix, tokens.width, values)

    def _of_batch(self) -> Way:
        """Pictures apart, or what can be shown instead. Raises Refused."""
        given, model = self.given, self.knowledge.model
        learned = given.placed_by_positions
        shape = attention_shape(model, self.tokens, self.knowledge.input_shape[0], learned)
        projections = given.projections()
        if shape is None or projections is None:
            why = transformer_checks.UNREAD
        elif self._several_steps:
            why = transformer_checks.STEPS_MIX
        else:
            why = transformer_checks.inseparable(shape, given.pictures)
        if not why and projections is not None:
            return Together(given, projections, self._replayed, None if self._large else self._whole)
        if not learned or given.pictures * self.tokens.count > min(given.gradient.shape):
            raise Refused(transformer_checks.nothing(given.pictures, self.tokens.count, why))
        if not self.settings.search:
            return Preview(given, why)
        if self._large:
            return Preview(given, f"{why}, and this network is too large for a search")
        return Searching(given, Preview(given, why), self._whole)

    def operations(self) -> float:
        """Floating point operations of a run, roughly."""
        return self.way.operations()

    # a step

    def init(self, seed: int) -> State:
        """Raises Refused."""
        return {"iteration": 0, "facts": {}, "labels": self._told_labels(), **self.way.begin(seed)}

    def _told_labels(self) -> Tensor:
        """(N,), read from the last layer's gradient where it was sent, else -1, as the patches do not need them. Pictures that are
        told apart have theirs read from their own features, in the end.
        """
        unknown = torch.full((self.update.images,), -1)
        if self.settings.labels == "known":
            if self.knowledge.labels is None:
                raise Refused("the server does not know the labels: choose labels=infer")
            return self.knowledge.labels.reshape(-1)[: self.update.images].cpu()
        unread = self.knowledge.loss in replay.UNREAD and (self.knowledge.loss == "own" or self.update.images > 1)
        if isinstance(self.way, Together) or unread or not any(last_sent(self.update, self.knowledge)):
            return unknown
        gradient = as_mean_gradient(self.update, self.knowledge.schedule, self.knowledge.model)
        try:
            return hard_labels("auto", gradient, self.knowledge).reshape(-1)[: self.update.images]
        except Refused:
            if self.update.images == 1:
                raise
            return unknown

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        layer = self.way.step(state)
        return state, self._shown(state, layer)

    # what is shown

    def _shown(self, state: State, layer: LayerReport | None) -> Step:
        images, labels = self.answer(state)
        done = self.way.over(state)
        facts = state["facts"]
        value = torch.tensor([facts.get("replayed") or facts.get("misfit", 1.0)], dtype=torch.float64)
        return Step(
            iteration=state["iteration"], losses={"residual": value, "total": value}, images=images[None],
            labels=labels[None], best=0, score=value, rate=layer.condition if layer is not None else 0.0, done=done,
            note=self.way.note(state) if done else "", layer=layer,
        )  # fmt: skip

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        return self._whole(self.way.pictures(state)), state["labels"]

    def _whole(self, found: Tensor | None) -> Tensor:
        """Grey where no patch lies."""
        whole = torch.full(self.shape, 0.5, dtype=torch.float64)
        if found is not None:
            whole[:, :, : found.shape[2], : found.shape[3]] = found
        return whole

    def residual(self, state: State) -> dict[str, float]:
        """Of every tensor where one gradient was sent; of several steps, of the equations of the patches alone.
        Nothing of a preview of those.
        """
        if isinstance(self.way, Searching):
            return self.way.residual(state)
        found = self.way.pictures(state)
        if found is None:
            return {}
        if self._several_steps or int(state["labels"].min()) < 0:
            solved = {self.tokens.kernel: state["facts"]["misfit"]}
            return {} if isinstance(self.way, Preview) else solved  # a preview solves them, and is no picture of theirs
        return self.gradient_residual(*self.answer(state))

    def certificate(self, state: State) -> Certificate | None:
        """By the rank of the patches' equations; nothing of a preview, a search, or pictures that were not told apart for certain."""
        found, facts = self.way.pictures(state), state["facts"]
        if found is None or not isinstance(self.way, (Alone, Together)):
            return None
        if isinstance(self.way, Together) and not (verdict.believed(facts) or facts["open"]):
            return None
        if isinstance(self.way, Filled) and not verdict.filled_in(facts):
            return None
        hidden = found.shape[2:] != self.shape[2:]
        by = f"the equations of {self.tokens.count} patches" + ("" if self.update.images == 1 else " of each picture")
        parts = [f"{facts['open']} directions of them do not show"] * bool(facts["open"])
        parts += ["the border that no patch covers does not show"] * hidden
        return Certificate(by if parts else f"{by}, of full rank", " and ".join(parts), facts.get("error"))

    def _replayed(self, found: Tensor) -> tuple[Tensor, float | None]:
        """See `given.Replay`."""
        pictures = self._whole(found)
        wanted = self.knowledge.labels if self.settings.labels == "known" else None
        labels = replay.labels_of(self.pixels.encode(pictures), self.update, self.knowledge, wanted)
        if labels is None:
            return torch.full((len(found),), -1), None
        return labels, replay.beside(*self._gradients(pictures, labels)[1:])[0]

    def gradient_residual(self, picture: Tensor, labels: Tensor) -> dict[str, float]:
        """As of every recursion, in single precision where the network is large; of several pictures at the factor that fits."""
        names, own, seen = self._gradients(picture, labels)
        factor = 1.0 if len(picture) == 1 else replay.beside(own, seen)[1]
        return {
            name: float((factor * g - s).norm()) / (float(s.double().norm()) or 1.0)
            for name, g, s in zip(names, own, seen, strict=True)
        }

    def _gradients(self, pictures: Tensor, labels: Tensor) -> tuple[list[str], list[Tensor], list[Tensor]]:
        """(names, gradients of these pictures, gradients that were sent)."""
        dtype, cpu = torch.float32 if self._large else torch.float64, torch.device("cpu")
        masks = masked.masks_of(self.knowledge)
        alone = len(pictures) == 1 and last_sent(self.update, self.knowledge)[1] and not masks
        strategy = "observed_delta" if alone else "known"
        seen = observe(self.update, replace(self.knowledge, labels=labels), strategy, dtype, cpu)
        gradient = GradientMap(self.knowledge, seen.loss, self.plan, dtype, cpu)
        found = gradient(self.pixels.encode(pictures).to(dtype)[None], seen.read()[0][None], graph=False)
        names = list(self.update.tensors)
        own = [found[i].detach()[0] for i in seen.sent]
        if masks:  # what was cleared is not compared
            own = [g * masked.kept(masks, names[i], g) for i, g in zip(seen.sent, own, strict=True)]
        return [names[i] for i in seen.sent], own, [seen.gradients[i] for i in seen.sent]
