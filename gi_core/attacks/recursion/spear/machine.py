"""SPEAR as an attack: the rank, turns of the search, the masks, the pictures, and behind convolutions a search for each."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from gi_core.attacks.base import Certificate, LayerReport, Refused, State, Step
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.observation import refuse_bad_update
from gi_core.attacks.priors import Pixels
from gi_core.attacks.recursion.machine import Recursion, drawn_layers
from gi_core.attacks.recursion.spear import cards, inversion, proof, search, unmixing, verdict
from gi_core.attacks.recursion.spear.engines import CHUNK
from gi_core.attacks.recursion.spear.given import Given
from gi_core.attacks.recursion.spear.search import Search
from gi_core.attacks.recursion.spear.unmixing import Unmixed
from gi_core.attacks.recursion.transformer import replay
from gi_core.networks.bottleneck import bottlenecks
from gi_core.settings import batch_attacks, spear_bounds, spear_checks
from gi_core.settings.chain import chain
from gi_core.settings.check import one_gradient_only
from gi_core.settings.plan import Plan
from gi_core.settings.recursion_checks import BOTTLENECK
from gi_core.types.updates import Knowledge, Update

PROPOSAL = 100.0
"""Operations of a proposal over b^2: memory decides."""


class SpearMachine(Recursion):
    """The machine (see `attacks.base.Attack`), in float64 on the CPU. It is given the changes of any number of steps of SGD."""

    simulates = True
    settings: batch_attacks.Spear

    def __init__(
        self, settings: batch_attacks.Spear, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device
    ):
        refuse_bad_update(update.norm())
        if bottlenecks(knowledge.model):
            raise Refused(BOTTLENECK)
        if update.kind == "weight_change" and one_step(knowledge.schedule) and knowledge.schedule is not None:
            update = replace(as_mean_gradient(update, knowledge.schedule, knowledge.model), kind="gradient")
        self.settings, self.update, self.knowledge, self.plan = settings, update, knowledge, plan
        blocks = chain(drawn_layers(knowledge))
        reason = spear_checks.refusal(blocks, update.images, knowledge.batch_norm) or self._unsummed()
        layer = spear_checks.layer(blocks)
        if reason or isinstance(layer, str):
            raise Refused(reason or str(layer))
        last = len(blocks) > 1 and blocks[-2] is layer and not layer.batch_norm
        self.given = Given(settings, update, knowledge, layer, spear_checks.direct(blocks, layer), last)
        self.given.tensors  # noqa: B018 - refuses what was not sent before anything runs
        self.shape = (update.images, *knowledge.input_shape)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))
        self.spread = torch.tensor(knowledge.std, dtype=torch.float64).reshape(-1, 1, 1)

    def _unsummed(self) -> str:
        schedule = self.knowledge.schedule
        if self.update.kind == "gradient":
            return ""
        return one_gradient_only(self.settings.title) if schedule is None else spear_checks.unsummed(schedule)

    @cached_property
    def search(self) -> Search:
        return Search(self.given)

    @cached_property
    def features(self) -> inversion.Features:
        return inversion.Features(self.knowledge.model, self.given.layer.name)

    @property
    def steps(self) -> int:  # type: ignore[override]
        """Of a typical run."""
        turns = min(self.search.turns, max(1, round(self._proposals() / CHUNK)))
        return 4 + turns + (0 if self.given.direct else self._searches)

    @property
    def _searches(self) -> int:
        return self.search.b * len(inversion.SMOOTHNESS)

    def _proposals(self) -> float:
        return min(spear_bounds.proposals(self.search.b), float(self.settings.proposals))

    def operations(self) -> float:
        """Floating point operations of a typical run, roughly."""
        m, n = self.given.tensors[0].shape
        found = 20.0 * m * n * min(m, n) + PROPOSAL * max(self._proposals(), CHUNK) * self.search.b**2
        forward = 4.0 * sum(p.numel() for p in self.knowledge.model.parameters())
        return found + (0.0 if self.given.direct else 10 * forward * self.settings.inversion * self.search.b)

    # a step

    def init(self, seed: int) -> State:
        """Raises Refused."""
        if self.settings.labels == "known" and self.knowledge.labels is None:
            raise Refused("the server does not know the labels: choose labels=infer")
        return {
            "iteration": 0, "seed": seed, "stage": "rank", "found": self.search.begin(), "best": None, "facts": {},
            "labels": None, "counts": None, "pictures": None, "misfits": None, "at": 0,
        }  # fmt: skip

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        stages = {
            "rank": self._rank, "search": self._turn, "directions": self._directions, "masks": self._masks, "pictures": self._pictures,
            "inversion": self._inversion,
        }  # fmt: skip
        layer = stages[state["stage"]](state)
        return state, self._shown(state, layer)

    def _rank(self, state: State) -> LayerReport:
        state["stage"] = "search" if self.search.b > 1 else "directions"
        if self.search.b == 1:
            self._judge(state)
        return cards.rank(self.given)

    def _turn(self, state: State) -> None:
        state["found"] = self.search.go(state["found"], state["seed"])
        if state["found"]["since"] == 0:
            self._judge(state)
        facts = state["facts"]
        if state["best"] is not None:
            facts["believed"] = self.search.believed(facts, state["found"]["since"])
        if facts.get("believed") or self.search.over(state["found"]):
            state["stage"] = "directions"

    def _judge(self, state: State) -> None:
        """Keep the basis if it is the best so far."""
        unmixed = self.search.unmixed(state["found"])
        if unmixed is None:
            return
        beyond = search.outside(self._decoded(unmixed)) if self.given.direct else 0.0
        if state["best"] is None or unmixed.agreed - beyond > state["facts"]["agreed"] - state["facts"]["outside"]:
            facts = {
                "agreed": unmixed.agreed,
                "outside": beyond,
                "replayed": None,
                "error": float(unmixed.errors.max()),
            }
            state["facts"] = {**facts, "believed": self.search.believed(facts, 0)}
            state["best"] = state["found"]["q"].clone()

    def _unmixed(self, state: State) -> Unmixed:
        weight, bias, _, across = self.given.tensors
        return unmixing.unmix(self.search.sieves[-1], state["best"].clone(), across, weight, bias, self.given.most)

    def _decoded(self, unmixed: Unmixed) -> Tensor:
        """(b, C, H, W) in pixels; without a bias each as bright as its range allows."""
        x = unmixed.x.reshape(-1, *self.shape[1:])
        return self.pixels.decode(x if unmixed.scaled else unmixing.in_range(x, self.knowledge))

    def _directions(self, state: State) -> LayerReport:
        state["stage"] = "masks" if state["best"] is not None else "over"
        return cards.directions(self.search, state["found"])

    def _masks(self, state: State) -> LayerReport:
        state["stage"] = "pictures"
        return cards.masks(self._unmixed(state))

    def _pictures(self, state: State) -> LayerReport:
        unmixed = self._unmixed(state)
        if not self.given.direct:
            state["stage"], state["pictures"] = "inversion", torch.full((self.search.b, *self.shape[1:]), 0.5).double()
            state["misfits"] = torch.ones(self.search.b, dtype=torch.float64)
            return cards.features(self.given, unmixed)
        state["pictures"], state["stage"] = self._decoded(unmixed), "over"
        self._prove(state, unmixed)
        return cards.pictures(self.given, unmixed, state["pictures"])

    def _inversion(self, state: State) -> None:
        stages, unmixed = len(inversion.SMOOTHNESS), self._unmixed(state)
        picture, stage = divmod(state["at"], stages)
        begun = self.pixels.encode(state["pictures"])[picture]
        x = begun if stage else inversion.start(self.shape[1:], state["seed"] + picture)
        wanted = unmixed.x[picture]
        x = inversion.searched(self.features, wanted, x, stage, self.spread, self.settings.inversion // stages)
        state["pictures"][picture] = self.pixels.decode(x)
        state["misfits"][picture] = inversion.misfit(self.features, wanted, x)
        state["at"] += 1
        if state["at"] == self._searches:
            state["stage"] = "over"
            self._prove(state, unmixed)

    def _prove(self, state: State, unmixed: Unmixed) -> None:
        """Labels, how many pictures each stands for, and the misfit of their gradient where one was sent."""
        x, update = self.pixels.encode(state["pictures"]), self.update
        state["labels"] = proof.labels_of(x, update, self.knowledge, self.settings.labels == "known")
        if state["labels"] is None or self.given.several_steps:
            return
        if len(x) < update.images and unmixed.scaled and self.given.direct:
            name = f"{self.given.layer.batch_norm or self.given.layer.name}.bias"
            state["counts"] = proof.counts(x, state["labels"], unmixed.a, name, update, self.knowledge, self.plan)
        replayed, _ = replay.beside(*self._gradients(state)[1:])
        state["facts"]["replayed"] = replayed
        if self.given.direct and replayed <= max(verdict.REPLAYED, 2 * self.given.reading.share):
            state["facts"]["believed"] = True

    def _gradients(self, state: State) -> tuple[list[str], list[Tensor], list[Tensor]]:
        repeats = torch.tensor(self._repeats(state))
        x, labels = self.pixels.encode(state["pictures"]), state["labels"]
        x, labels = x.repeat_interleave(repeats, 0), labels.repeat_interleave(repeats)
        return proof.gradients(x, labels, self.update, self.knowledge, self.plan)

    def _repeats(self, state: State) -> list[int]:
        return state["counts"] or [1] * self.search.b

    # what is shown

    def _shown(self, state: State, layer: LayerReport | None) -> Step:
        images, labels = self.answer(state)
        facts, done = state["facts"], state["stage"] == "over"
        loss = facts.get("replayed")
        value = torch.tensor([1 - facts.get("agreed", 0.0) if loss is None else loss], dtype=torch.float64)
        return Step(
            iteration=state["iteration"], losses={"residual": value, "total": value}, images=images[None],
            labels=labels[None], best=0, score=value, rate=len(state["found"]["q"]), done=done,
            note=verdict.note(state, self.given, self.search.b) if done else "", layer=layer,
        )  # fmt: skip

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        """Grey, with the label -1, for what did not come back."""
        images = torch.full(self.shape, 0.5, dtype=torch.float64)
        labels = torch.full((self.update.images,), -1)
        if state["pictures"] is not None:
            repeats = torch.tensor(self._repeats(state))
            there = int(repeats.sum())
            images[:there] = state["pictures"].repeat_interleave(repeats, 0)
            if state["labels"] is not None:
                labels[:there] = state["labels"].repeat_interleave(repeats)
        return images, labels

    def certificate(self, state: State) -> Certificate | None:
        return verdict.certificate(state, self.given, self.search.b)

    def residual(self, state: State) -> dict[str, float]:
        """Of every tensor, at the factor that fits; of several steps of the equations of the layer alone."""
        if state["pictures"] is None:
            return {}
        if self.given.several_steps or state["labels"] is None:
            return {f"{self.given.layer.name}.weight": self.given.reading.share}
        names, own, seen = self._gradients(state)
        factor = replay.beside(own, seen)[1]
        return {
            name: float((factor * g - s).norm()) / (float(s.norm()) or 1.0)
            for name, g, s in zip(names, own, seen, strict=True)
        }
