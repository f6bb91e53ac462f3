"""A client that trains a part alone, as an attack: the input of what trains is read, then a picture with these features is searched.

min |phi(x) - h|^2 / |h|^2 + smoothness by Levenberg-Marquardt, phi the known network up to the layer whose input h was read; then without
smoothness, so that the features are exact. Nothing of it needs the gradient any more. Where phi maps many pictures to the same h, a smooth one is
taken. Where several inputs explain what was sent, the first of which a picture has the features is the answer.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gi_core.attacks.base import Certificate, LayerReport, Refused, State, Step
from gi_core.attacks.observation import refuse_bad_update
from gi_core.attacks.priors import Pixels, SmoothPrior
from gi_core.attacks.recursion.machine import Recursion
from gi_core.attacks.recursion.partial.features import Features
from gi_core.attacks.recursion.partial.reading import Read, read
from gi_core.attacks.second_order.damped_steps import DampedSteps
from gi_core.attacks.second_order.matched import Matched, Together
from gi_core.attacks.second_order.residuals import Residual
from gi_core.networks.bottleneck import bottlenecks
from gi_core.networks.imprint import bins_of
from gi_core.networks.prepared import facts, last_layer
from gi_core.settings import partial_attacks
from gi_core.settings.attacks import LevenbergMarquardt
from gi_core.settings.imprint_checks import IN_FRONT
from gi_core.settings.plan import Plan
from gi_core.settings.recursion_checks import BOTTLENECK, OWN_LOSS
from gi_core.types.updates import Knowledge, Update

EXACT = 1e-4
"""Share of the features that a picture may leave and still count as having them."""
FLOOR = 1e-8
"""Share of the features below which steps that do not halve it end a search."""
AGREES = 1e-3
"""Share of what was sent that the input may leave."""


class TrainedPart(Recursion):
    """The machine (see `attacks.base.Attack`), in float64 on the CPU."""

    settings: partial_attacks.TrainedPart

    def __init__(
        self, settings: partial_attacks.TrainedPart, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device
    ):  # fmt: skip
        refuse_bad_update(update.norm())
        reason = (
            BOTTLENECK if bottlenecks(knowledge.model)
            else IN_FRONT if bins_of(knowledge.model) is not None
            else OWN_LOSS if knowledge.loss == "own"
            else partial_attacks.ALL_TRAINS if not (update.frozen or _partly(update, knowledge))
            else partial_attacks.ONE_PICTURE if update.images > 1
            else ""
        )  # fmt: skip
        if reason:
            raise Refused(reason)
        self.settings, self.update, self.knowledge, self.plan = settings, update, knowledge, plan
        self.shape = (update.images, *knowledge.input_shape)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))
        self.reads: list[Read] = read(update, knowledge, self._known())
        self.steps = 1 + settings.inversion * len(self.reads)

    def _known(self) -> int | None:
        if self.settings.labels != "known":
            return None
        if self.knowledge.labels is None:
            raise Refused("the server does not know the labels: choose labels=infer")
        return int(self.knowledge.labels[0])

    def _search(self, state: State) -> DampedSteps:
        """The search for the picture of the input that is looked at, smooth at first."""
        found = self.reads[state["read"]]
        size = float(found.value.norm()) or 1.0
        features = Features(self.knowledge.model, found.path)
        wanted, target = [found.value[None] / size], torch.zeros(1, 1, dtype=torch.float64)
        matched = Matched(features, target, None, 1 / size, wanted, None)  # type: ignore[arg-type]  # played likewise
        o = LevenbergMarquardt(iterations=max(1, self.settings.inversion))
        prior = SmoothPrior(0.0 if state["exactly"] else self.settings.total_variation, 0.0)
        return DampedSteps(o, Together([matched]), Residual(wanted), prior, False, floor=FLOOR)

    def operations(self) -> float:
        """Floating point operations of a run, roughly: forward passes and their transposes, as many as a Krylov basis has."""
        values = sum(p.numel() for p in self.knowledge.model.parameters()) * math.prod(self.knowledge.input_shape[1:])
        return 2.0 * values * min(self.settings.inversion, 20) * 60

    # a step

    def init(self, seed: int) -> State:
        state: State = {"iteration": 0, "read": 0, "exactly": False, "best": None, "of": 0, "left": float("inf")}
        return self._begun(state, self._grey())

    def _grey(self) -> Tensor:
        return self.pixels.encode(torch.full(self.shape, 0.5, dtype=torch.float64))

    def _begun(self, state: State, x: Tensor) -> State:
        search = self._search(state)
        state |= search.begin(x, x.clone())
        state["residual"] = search.squared(x)
        return state

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        if state["iteration"] == 1:
            self._keep(state)
            return state, self._shown(state, not self.settings.inversion, self._layer())
        state["inner"] += 1
        ended = self._search(state).advance(state)
        self._keep(state)
        done = state["iteration"] >= self.steps
        if ended and not done:
            done = self._next(state)
        return state, self._shown(state, done, None)

    def _keep(self, state: State) -> None:
        if state["best"] is None or state["residual"] < state["left"]:
            state["best"], state["left"], state["of"] = state["x"].clone(), state["residual"], state["read"]

    def _next(self, state: State) -> bool:
        """Go on without smoothness, or with the next input; True where there is nothing to go on with."""
        if not state["exactly"]:
            state["exactly"] = True
            self._begun(state, state["x"])
            return False
        if state["left"] <= EXACT**2 or state["read"] + 1 == len(self.reads):
            return True
        state["read"], state["exactly"] = state["read"] + 1, False
        self._begun(state, self._grey())
        return False

    def _layer(self) -> LayerReport:
        found = self.reads[0]
        side = math.ceil(len(found.value) ** 0.5)
        drawn = torch.zeros(side * side, dtype=torch.float64)
        least, most = found.value.min(), found.value.max()
        drawn[: len(found.value)] = (found.value - least) / ((most - least) or 1.0)
        return LayerReport(
            name=found.path, route="ratio", unknowns=len(found.value), rank=len(found.value), deficiency=0, condition=1.0,
            residual=min(found.misfit, 1.0), error=min(found.misfit, 1.0), preview=drawn.view(1, side, side).float(),
            note=f"the layer's input, {len(found.value)} values",
        )  # fmt: skip

    def _shown(self, state: State, done: bool, layer: LayerReport | None) -> Step:
        left = torch.tensor([state["left"]], dtype=torch.float64)
        images, labels = self.answer(state)
        return Step(
            iteration=state["iteration"], losses={"residual": left, "total": left}, images=images[None], labels=labels[None], best=0,
            score=left, rate=state["damping"], done=done, note=self._note(state) if done else "", layer=layer,
        )  # fmt: skip

    def _note(self, state: State) -> str:
        found, left = self.reads[state["of"]], max(0.0, state["left"]) ** 0.5
        said = f"the input of {found.path} shows, {len(found.value)} values"
        if not found.misfit <= AGREES:
            return f"{said}, but it explains what was sent only to {100 * min(found.misfit, 1.0):.2g} %"
        if left > EXACT:
            return f"{said}; no picture with these features was found, {100 * left:.2g} % of them are left"
        return f"{said}; a picture with these features was found"

    # what is asked of it

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        x = state["x"] if state["best"] is None else state["best"]
        return self.pixels.decode(x), torch.tensor([self.reads[state["of"]].label])

    def residual(self, state: State) -> dict[str, float]:
        return self.gradient_residual(*self.answer(state))

    def certificate(self, state: State) -> Certificate | None:
        """The features do not say by themselves that one picture has them."""
        return None


def _partly(update: Update, knowledge: Knowledge) -> bool:
    """Whether of a person's own network the last layer alone was sent; parameters that stand still were not."""
    last = last_layer(knowledge.model)
    sent = [name for name in update.tensors if name not in update.withheld]
    return facts(knowledge.model) is not None and last is not None and all(n.startswith(f"{last[0]}.") for n in sent)
