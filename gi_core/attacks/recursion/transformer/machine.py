"""A vision transformer as an attack: the pictures that the gradient mixes, then the patches, then what smoothness adds."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from gi_core.attacks.base import LayerReport, Refused, State, Step
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.labels.last_layer import sent as last_sent
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.attacks.observation import observe, refuse_bad_update
from gi_core.attacks.recursion.machine import Recursion
from gi_core.attacks.recursion.transformer import attention, sent, smoothing, solving, verdict
from gi_core.attacks.recursion.transformer.tiles import Tiles
from gi_core.networks.bottleneck import bottlenecks
from gi_core.networks.tokens import Tokens, tokens_of
from gi_core.numerics.gradient import GradientMap
from gi_core.settings import closed_form_attacks, transformer_checks
from gi_core.settings.check import one_gradient_only
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

ZERO_HEAD = (
    "Below a head that starts at zero, as torchvision makes it, no gradient of the first steps on one picture says anything: take"
    " trained weights"
)
LARGE = 4_000_000
"""Parameters from which the answer's own gradient is worked out in single precision."""


class TransformerMachine(Recursion):
    """The machine (see `attacks.base.Attack`), in float64 on the CPU. It is given the changes of any number of steps of SGD."""

    simulates = True
    settings: closed_form_attacks.Transformer

    def __init__(
        self, settings: closed_form_attacks.Transformer, update: Update, knowledge: Knowledge, plan: Plan,
        device: torch.device,
    ):  # fmt: skip
        if update.kind == "weight_change" and one_step(knowledge.schedule) and knowledge.schedule is not None:
            update = replace(as_mean_gradient(update, knowledge.schedule, knowledge.model), kind="gradient")
        self.settings, self.update, self.knowledge, self.plan = settings, update, knowledge, plan
        refuse_bad_update(update.norm())
        if bottlenecks(knowledge.model):
            raise Refused(transformer_checks.BOTTLENECK)
        tokens = tokens_of(knowledge.model, knowledge.input_shape)
        reason = transformer_checks.NO_TOKENS if tokens is None else self._refusal(tokens)
        if tokens is None or reason:
            raise Refused(reason)
        self.tokens: Tokens = tokens
        self.placing = not sent.there(update, [tokens.positions])
        self.shape = (1, *knowledge.input_shape)
        self.tiles = Tiles(tokens, knowledge)
        self.pixels = self.tiles.pixels
        smooths = not self.placing and tokens.width < tokens.count
        self.steps = 2 + settings.rounds * smooths

    @property
    def _kernel(self) -> str:
        """The name of the patches' weights."""
        return f"{self.tokens.patches}.weight".lstrip(".")

    def _refusal(self, tokens: Tokens) -> str:
        """Why this update does not give its picture, "" where it does."""
        update, schedule = self.update, self.knowledge.schedule
        if update.images > 1:
            return transformer_checks.one_picture(update.images)
        reason = ""
        if update.kind == "weight_change":
            reason = (
                one_gradient_only(self.settings.title) if schedule is None else transformer_checks.unsummed(schedule)
            )
        patches = f"{tokens.patches}.weight".lstrip(".")
        if reason or sent.there(update, [patches, tokens.positions]):
            return reason or (ZERO_HEAD if not bool(update.tensors[tokens.positions].any()) else "")
        if not sent.there(update, [patches]):
            return f"the gradient of the patches, {patches}, was not sent. {ZERO_HEAD}"
        if not tokens.reading or not sent.there(update, tokens.reading):
            return (
                f"the gradient of the positions, {tokens.positions}, was not sent, and the first attention's is not there or"
                " does not read the tokens as they are: choose gradient matching"
            )
        if update.kind == "weight_change" and not one_step(schedule):
            return "without the positions' gradient one step is needed, and this client took several: choose matching"
        values = math.prod(tokens.patch) * self.knowledge.input_shape[0]
        return transformer_checks.too_narrow(tokens.count, tokens.prefix, tokens.width, values)

    def operations(self) -> float:
        """Floating point operations of a run, roughly."""
        t = self.tokens
        values = math.prod(t.patch) * self.knowledge.input_shape[0]
        least = min(t.width, values)
        solved = 10.0 * (t.width * values * least + t.width**2 * t.count)
        free = max(t.count - t.width, 0)
        return solved + 4.0 * t.count * free * values * smoothing.STEPS * (self.steps - 2)

    # a step

    def init(self, seed: int) -> State:
        """Nothing is drawn: the answer is that of an equation. Raises Refused."""
        return {"iteration": 0, "patches": None, "free": None, "label": self._label(), "facts": {}}

    def _label(self) -> int:
        """Read from the last layer's gradient where it was sent; else -1. The patches do not need it."""
        if self.settings.labels == "known":
            if self.knowledge.labels is None:
                raise Refused("the server does not know the labels: choose labels=infer")
            return int(self.knowledge.labels.reshape(-1)[0])
        if not any(last_sent(self.update, self.knowledge)) or self.knowledge.loss == "own":
            return -1
        gradient = as_mean_gradient(self.update, self.knowledge.schedule, self.knowledge.model)
        return int(hard_labels("auto", gradient, self.knowledge).reshape(-1)[0])

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        if state["iteration"] == 1:
            return state, self._shown(state, self._mixed(state))
        if state["iteration"] == 2:
            return state, self._shown(state, self._placed(state) if self.placing else self._solved(state))
        number = state["iteration"] - 3
        inside = smoothing.Inside(state["free"], state["precision"], state["told"], self.tiles.picture, self.tiles.back)
        state["patches"] = inside.round(state["patches"], number / max(1, self.settings.rounds - 1))
        return state, self._shown(state, None)

    def _mixed(self, state: State) -> LayerReport:
        """The rank of the patches' gradient: at most one for each patch of a picture."""
        singular = torch.linalg.svdvals(sent.of_patches(self.update, self.knowledge, self.tokens))
        most = min(self.tokens.count, len(singular))
        rank = attention.rank_of(singular, most)
        state["facts"]["rank"] = rank
        shown = (singular / singular[0]).clamp_min(1e-12).log10()
        return LayerReport(
            name=self.tokens.patches, route="gradient", unknowns=rank, rank=rank, deficiency=0,
            condition=float(singular[0] / singular[max(rank, 1) - 1]), residual=0.0, error=0.0, preview=shown.float(),
            note=f"its gradient has rank {rank}; that of one picture has {most} at most",
        )  # fmt: skip

    def _solved(self, state: State) -> LayerReport:
        """The patches, from the positions' gradient."""
        t = self.tokens
        gradient = sent.of_patches(self.update, self.knowledge, t)
        positions = sent.of_positions(self.update, self.knowledge, t)
        found = solving.solve(positions, gradient, self.tiles.grey, self.tiles.unit, self._eps())
        state["patches"], state["free"] = found.patches, found.free
        state["precision"], state["told"] = found.precision, found.told
        open_ = found.free.shape[1]
        state["facts"] |= {"open": open_, "error": found.error, "misfit": found.misfit}
        told = found.singular[: max(t.count - open_, 1)]
        return LayerReport(
            name=t.positions, route="gradient" if not open_ else "under-determined", unknowns=t.count * gradient.shape[1],
            rank=(t.count - open_) * gradient.shape[1], deficiency=open_ * gradient.shape[1],
            condition=float(told[0] / told[-1]), residual=found.misfit, error=found.error,
            preview=self.tiles.picture(found.patches).float(), note=f"{open_} directions of {t.count} are open" if open_ else "",
        )  # fmt: skip

    def _placed(self, state: State) -> LayerReport:
        """The patches, from the first attention's gradients."""
        t, model = self.tokens, self.knowledge.model
        gradient = sent.of_patches(self.update, self.knowledge, t)
        reading = [part for n in t.reading for part in self.update.tensors[n].detach().cpu().double().split(t.width)]
        conv, norm = model.get_submodule(t.patches), model.get_submodule(t.norm)
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.LayerNorm)  # as `tokens_of` looked for
        tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        offset = tensors[t.positions].detach().cpu().double().reshape(-1, t.width)[-t.count :]
        if conv.bias is not None:
            offset = offset + conv.bias.detach().cpu().double()
        scales = [torch.ones(t.width) if w is None else w.detach().cpu() for w in (norm.weight, norm.bias)]
        found = attention.place(
            reading, gradient, conv.weight.detach().cpu().double().flatten(1), offset,
            attention.Norm(scales[0].double(), scales[1].double() if norm.bias is not None else None), t.prefix, self._eps(),
        )  # fmt: skip
        state["patches"], state["free"] = found.patches, torch.zeros(t.count, 0, dtype=torch.float64)
        state["facts"] |= {"open": found.unknowns - found.rank, "error": None, "misfit": found.misfit}
        short = found.unknowns - found.rank
        return LayerReport(
            name=t.norm, route="gradient" if not short else "under-determined", unknowns=t.count * found.unknowns,
            rank=t.count * found.rank, deficiency=t.count * short, condition=found.condition, residual=found.misfit,
            error=found.misfit, preview=self.tiles.picture(found.patches).float(), note="placed by the first attention",
        )  # fmt: skip

    def _eps(self) -> float:
        return float(torch.finfo(self.update.tensors[self._kernel].dtype).eps)

    # what is shown

    def _shown(self, state: State, layer: LayerReport | None) -> Step:
        images, labels = self.answer(state)
        facts = state["facts"]
        done = self._over(state)
        value = torch.tensor([facts.get("misfit", 1.0)], dtype=torch.float64)
        return Step(
            iteration=state["iteration"], losses={"residual": value, "total": value}, images=images[None],
            labels=labels[None], best=0, score=value, rate=layer.condition if layer is not None else 0.0, done=done,
            note=verdict.note(facts, self.tokens, self.placing) if done else "", layer=layer,
        )  # fmt: skip

    def _over(self, state: State) -> bool:
        if state["iteration"] < 2:
            return False
        return not state["free"].shape[1] or state["iteration"] >= 2 + self.settings.rounds

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        label = torch.tensor([state["label"]])
        whole = torch.full(self.shape, 0.5, dtype=torch.float64)
        if state["patches"] is not None:
            found = self.tiles.picture(state["patches"])
            whole[0, :, : found.shape[1], : found.shape[2]] = found
        return whole, label

    def residual(self, state: State) -> dict[str, float]:
        """Of every tensor where one gradient was sent; of several steps, of the equations of the patches alone."""
        if state["patches"] is None:
            return {}
        if self.update.kind == "weight_change" and not one_step(self.knowledge.schedule):
            return {self._kernel: state["facts"]["misfit"]}
        if state["label"] < 0:
            return {self._kernel: state["facts"]["misfit"]}
        return self.gradient_residual(*self.answer(state))

    def gradient_residual(self, picture: Tensor, labels: Tensor) -> dict[str, float]:
        """As of every recursion, in single precision where the network is large."""
        large = sum(p.numel() for p in self.knowledge.model.parameters()) > LARGE
        dtype, cpu = torch.float32 if large else torch.float64, torch.device("cpu")
        strategy = "observed_delta" if last_sent(self.update, self.knowledge)[1] else "known"
        seen = observe(self.update, replace(self.knowledge, labels=labels), strategy, dtype, cpu)
        gradient = GradientMap(self.knowledge, seen.loss, self.plan, dtype, cpu)
        found = gradient(self.pixels.encode(picture).to(dtype)[None], seen.read()[0][None])
        names = list(self.update.tensors)
        return {
            names[i]: float((found[i].detach()[0] - seen.gradients[i]).norm()) / (seen.norms[i] or 1.0)
            for i in seen.sent
        }
