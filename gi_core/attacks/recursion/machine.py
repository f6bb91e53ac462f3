"""The recursion as an attack: a Step is a layer, deepest first; trials are the candidates of the last layer.

For a network without biases that scales with its input, two roots are two brightnesses of one picture: the
second is carried along as a scaled copy.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gi_core.attacks.base import Certificate, LayerReport, Refused, State, Step
from gi_core.attacks.labels.last_layer import sent
from gi_core.attacks.observation import observe, refuse_bad_update
from gi_core.attacks.priors import Pixels
from gi_core.attacks.recursion import tracks
from gi_core.attacks.recursion.layers import missing
from gi_core.attacks.recursion.readings import homogeneous
from gi_core.attacks.recursion.solver import FLOAT32, Solution
from gi_core.attacks.recursion.top import Candidate, candidates
from gi_core.attacks.recursion.tracks import Track
from gi_core.attacks.recursion.verdict import certificate, note
from gi_core.attacks.recursion.walk import Descent, Front, Passable, Walk
from gi_core.common.errors import SpecError
from gi_core.networks.bottleneck import bottlenecks
from gi_core.networks.imprint import bins_of
from gi_core.networks.module import GraphModule
from gi_core.networks.prepared import facts
from gi_core.networks.tracing import graph_of
from gi_core.numerics.gradient import GradientMap
from gi_core.settings.chain import Affine, Block, Residual, Unsupported, chain
from gi_core.settings.closed_form_attacks import ClosedForm, RGap
from gi_core.settings.graph import Graph
from gi_core.settings.imprint_checks import IN_FRONT
from gi_core.settings.plan import Plan
from gi_core.settings.recursion_checks import BOTTLENECK, OWN_LOSS, refusal
from gi_core.types.updates import Knowledge, Update


class Recursion:
    """The machine (see `attacks.base.Attack`), on the CPU in float64 wherever the run is."""

    def __init__(self, settings: ClosedForm, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device):
        self.settings, self.update, self.knowledge, self.plan = settings, update, knowledge, plan
        refuse_bad_update(update.norm())
        if bottlenecks(knowledge.model):
            raise Refused(BOTTLENECK)
        if knowledge.loss == "own":
            raise Refused(OWN_LOSS)
        blocks = chain(drawn_layers(knowledge))
        reason = refusal(type(settings), blocks, update.images, knowledge.batch_norm)
        if not reason:
            blocks = self._passed(blocks)
            reason = missing(blocks, update)
        if reason:
            raise Refused(reason)
        self.blocks: tuple[Passable, ...] = tuple(b for b in blocks if not isinstance(b, Unsupported))
        last = self.blocks[-1]
        assert len(self.blocks) == len(blocks) and isinstance(last, Affine)  # others are refused
        self.last = last
        published = isinstance(settings, RGap) and settings.weighting == "published"
        self.walk = Walk(knowledge.model, update, balanced=not published)
        self.shape = (update.images, *knowledge.input_shape)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))
        self.steps = len(self.blocks)

    def _passed(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        """The blocks that the recursion goes through."""
        return blocks

    # the candidates

    def init(self, seed: int) -> State:
        return {"iteration": 0, "candidates": tracks.fresh(self._candidates(), self._scales()), "events": []}

    def _candidates(self) -> list[Candidate]:
        last, label = self.last, None
        if self.settings.labels == "known":
            known = self.knowledge.labels
            if known is None:
                raise Refused("the server does not know the labels: choose labels=infer")
            label = int(round(float(known.double().mean()))) if self.knowledge.classes == 1 else int(known[0])
        slope = last.activation.slope if last.activation is not None else None
        root = self.settings.root if isinstance(self.settings, RGap) else "small"
        return candidates(self.walk.numbers(last), self.knowledge.loss, slope, label, root)

    def _scales(self) -> bool:
        """Whether the network scales with its input: no biases, no batch norm, homogeneous activations."""
        if self.knowledge.classes != 1:
            return False
        inner = [part for b in self.blocks for part in ((*b.main, b) if isinstance(b, Residual) else (b,))]
        biased = any(name.endswith(".bias") for name in self.update.tensors)
        return not biased and all(homogeneous(part.activation) for part in inner)

    # a layer

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        at = self.steps - state["iteration"]
        block, candidates = self.blocks[at], state["candidates"]
        for track in tracks.moving(candidates):
            found = self._top(track) if at == self.steps - 1 else self.descend(block, tracks.front(track), track)
            tracks.advance(track, found, block.name)
        if self.update.images == 1:  # a batch's mixture contradicts the equations anyway
            state["events"] += tracks.drop(candidates)
        report = self._report_layer(state, block)
        if at == 0:
            self._finish(state)
        events, state["events"] = tuple(state["events"]), []
        return state, self._report(state, report, at == 0, events)

    def _top(self, track: Track) -> Descent:
        """The last layer, which its candidate explains."""
        k, x, gradient = track["k"].numpy(), track["x"].numpy(), self.walk.numbers(self.last).gradient
        residual = float(np.linalg.norm(gradient - np.outer(k, x)) / np.linalg.norm(gradient))
        front = Front(x.reshape(self.last.unflattened), self.walk.back(self.last, k))
        return Descent(front, Solution(front.value, "ratio", x.size, 1.0, residual, max(residual, FLOAT32)))

    def descend(self, block: Passable, front: Front, track: Track) -> Descent:
        """Pass one block; a kind of recursion that does so differently overrides this."""
        return self.walk.descend(block, front)

    def _finish(self, state: State) -> None:
        """The pictures, in pixels."""
        for track in state["candidates"]:
            source = state["candidates"][track["of"]]
            if source["alive"]:
                x = source["value"] * (track["scale"] or 1.0)
                track["image"] = self.pixels.decode(x.reshape(self.shape[1:]))

    # what is shown

    def _report_layer(self, state: State, block: Passable) -> LayerReport:
        c = tracks.source(state["candidates"])
        last = c["last"]
        return LayerReport(
            name=block.name, route=last["route"], unknowns=last["unknowns"], rank=last["rank"],
            deficiency=last["unknowns"] - last["rank"], condition=last["condition"], residual=last["residual"],
            error=last["error"], preview=c["value"].float(),
            note="guessed: a layer above it is not determined" if c["deficient"] not in ("", block.name) else last["note"],
        )  # fmt: skip

    def _report(self, state: State, layer: LayerReport, done: bool, events: tuple[str, ...]) -> Step:
        scores = tracks.scores(state["candidates"])
        images = torch.stack([self._image(c) for c in state["candidates"]])
        residual = torch.full_like(scores, layer.residual)
        labels = torch.stack([self._labels(c) for c in state["candidates"]])
        said = note(tracks.source(state["candidates"]), self.update.images) if done else ""
        return Step(
            iteration=state["iteration"], losses={"residual": residual, "total": torch.maximum(scores, residual)},
            images=images, labels=labels, best=int(scores.argmin()), score=scores, rate=layer.condition, done=done, note=said,
            events=events, layer=layer,
        )  # fmt: skip

    def _image(self, c: Track) -> Tensor:
        """(N, C, H, W) in pixels; grey before the recursion reaches the picture."""
        if c["image"] is None:
            return torch.full(self.shape, 0.5, dtype=torch.float64)
        return c["image"].expand(self.shape)

    def _labels(self, c: Track) -> Tensor:
        """(N,): the candidate's label; of a batch, the classes whose dL/dz is most negative."""
        if self.update.images > 1 and len(c["k"]) == self.knowledge.classes >= self.update.images:
            return c["k"].argsort()[: self.update.images]
        return torch.full((self.update.images,), c["label"])

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        c = tracks.best(state["candidates"])
        return self._image(c), self._labels(c)

    def residual(self, state: State) -> dict[str, float]:
        """||g_l - g*_l|| / ||g*_l|| of the gradient itself, once there is a picture; {} before."""
        if tracks.best(state["candidates"])["image"] is None:
            return {}
        return self.gradient_residual(*self.answer(state))

    def certificate(self, state: State) -> Certificate | None:
        """By the rank of every layer; nothing of a batch's mixture, nor where several candidates fulfil the equations."""
        return None if self.update.images > 1 else certificate(state["candidates"])

    def gradient_residual(self, picture: Tensor, labels: Tensor) -> dict[str, float]:
        """||g_l - g*_l|| / ||g*_l|| of each tensor that was sent, for a picture (N, C, H, W) in pixels."""
        readable = self.update.images == 1 and sent(self.update, self.knowledge)[1]
        knowledge = replace(self.knowledge, labels=labels.clamp(min=0))
        cpu = torch.device("cpu")
        seen = observe(self.update, knowledge, "observed_delta" if readable else "known", torch.float64, cpu)
        gradient = GradientMap(knowledge, seen.loss, self.plan, torch.float64, cpu)
        found = gradient(self.pixels.encode(picture)[None], seen.read()[0][None])
        names = list(self.update.tensors)
        return {
            names[i]: float((found[i].detach()[0] - seen.gradients[i]).norm()) / (seen.norms[i] or 1.0)
            for i in seen.sent
        }


def drawn_layers(knowledge: Knowledge, pooled: bool = False) -> Graph:
    """The layers of the network, traced where it does not have them; pooled: of a network of torchvision too. Raises Refused."""
    known = facts(knowledge.model)
    if bins_of(knowledge.model) is not None:
        raise Refused(IN_FRONT)
    if known is None and not pooled and not isinstance(knowledge.model, GraphModule):
        raise Refused("this network is not drawn as a chain of layers, so no recursion goes through it")
    if known is not None and known.normalised and knowledge.loss != "cross_entropy":
        raise Refused("this network ends with log_softmax, which only cross-entropy passes over: return the logits")
    try:
        return graph_of(knowledge.model, knowledge.input_shape, opaque=known is None)
    except SpecError as error:
        raise Refused(str(error)) from None
