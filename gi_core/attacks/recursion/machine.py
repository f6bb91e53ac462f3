"""The recursion as an attack: a Step is a layer, deepest first; trials are the candidates of the last layer.

For a network without biases that scales with its input, two roots are two brightnesses of one picture: the
second is carried along as a scaled copy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gi_core.analysis.chain import Affine, Block, Unsupported, chain
from gi_core.analysis.refusals import refusal
from gi_core.attacks.base import LayerReport, Refused, State, Step
from gi_core.attacks.gradient import GradientMap, last_dense
from gi_core.attacks.observation import observe, refuse_bad_update
from gi_core.attacks.priors import Pixels
from gi_core.attacks.recursion.readings import homogeneous
from gi_core.attacks.recursion.solver import Solution
from gi_core.attacks.recursion.top import Candidate, candidates
from gi_core.attacks.recursion.verdict import Found, note
from gi_core.attacks.recursion.walk import Descent, Front, Walk
from gi_core.federated.types import Knowledge, Update
from gi_core.spec.closed_form import ClosedForm
from gi_core.spec.plan import Plan

HOPELESS, WORSE = 1e-3, 100.0
"""A candidate whose equations contradict each other by more than both (of the best) is dropped."""


class Recursion:
    """The machine (see `attacks.base.Attack`), on the CPU in float64 wherever the run is."""

    def __init__(self, settings: ClosedForm, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device):
        self.settings, self.update, self.knowledge, self.plan = settings, update, knowledge, plan
        refuse_bad_update(update.norm())
        graph = getattr(knowledge.model, "graph", None)
        if graph is None:
            raise Refused("this network is not drawn as a chain of layers, so no recursion goes through it")
        self.blocks: tuple[Block, ...] = chain(graph)
        reason = refusal(settings.kind, self.blocks, update.images, knowledge.batch_norm)
        if reason:
            raise Refused(reason)
        balanced = getattr(settings, "weighting", "balanced") == "balanced"
        self.walk = Walk(knowledge.model, update, balanced=balanced)
        self.shape = (update.images, *knowledge.input_shape)
        self.pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))
        self.steps = len(self.blocks)

    # the candidates

    def init(self, seed: int) -> State:
        found = self._candidates()
        state: State = {"iteration": 0, "candidates": [], "events": []}
        for i, c in enumerate(found):
            of = next(j for j, other in enumerate(found) if other.label == c.label) if self._scales() else i
            state["candidates"].append({
                "k": torch.from_numpy(np.array(c.k)), "x": torch.from_numpy(np.array(c.x)), "label": c.label, "words": c.words,
                "of": of, "scale": float(found[of].k[0] / c.k[0]) if of != i else 0.0, "residual": 0.0, "alive": True,
                "value": None, "back": None, "deficient": "", "chosen": "", "closed": "", "image": None, "error": 0.0,
            })  # fmt: skip
        return state

    def _candidates(self) -> list[Candidate]:
        last = self.blocks[-1]
        label = None
        if self.settings.labels == "known":
            if self.knowledge.labels is None:
                raise Refused("the server does not know the labels: choose labels=infer")
            label = (
                int(round(float(self.knowledge.labels.double().mean())))
                if self.knowledge.classes == 1
                else int(self.knowledge.labels[0])
            )
        slope = last.activation.slope if last.activation is not None else None
        return candidates(
            self.walk.numbers(last), self.knowledge.loss, slope, label, getattr(self.settings, "root", "small")
        )

    def _scales(self) -> bool:
        """Whether the network scales with its input: no biases, no batch norm, homogeneous activations."""
        if self.knowledge.classes != 1:
            return False
        names = self.update.tensors
        return not any(n.endswith(".bias") for n in names) and all(
            not isinstance(b, Unsupported)
            and homogeneous(b.activation)
            and all(homogeneous(p.activation) for p in getattr(b, "main", ()))
            for b in self.blocks
        )

    # a layer

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        at = self.steps - state["iteration"]
        block = self.blocks[at]
        for c in state["candidates"]:
            if c["alive"] and not c["scale"]:
                self._advance(c, block, at)
        self._drop(state)
        best = self._best(state)
        report = self._report_layer(state, block)
        done = at == 0
        if done:
            self._finish(state)
            best = self._best(state)
        events, state["events"] = tuple(state["events"]), []
        return state, self._report(state, best, report, done, events)

    def _advance(self, c: dict[str, Any], block: Block, at: int) -> None:
        if at == self.steps - 1:
            x = c["x"].numpy().reshape(block.unflattened)
            front = Front(x, self.walk.back(block, c["k"].numpy()))
            numbers = self.walk.numbers(block)
            misfit = numbers.gradient - np.outer(c["k"].numpy(), c["x"].numpy())
            residual = float(np.linalg.norm(misfit) / np.linalg.norm(numbers.gradient))
            found = Descent(front, Solution(x, "ratio", x.size, 1.0, residual, max(residual, 6e-8)))
        else:
            found = self.descend(block, Front(c["value"].numpy(), c["back"].numpy()), c)
        c["value"], c["back"] = (
            torch.from_numpy(np.array(found.front.value)),
            torch.from_numpy(np.array(found.front.back)),
        )
        solution = found.solution
        c["last"] = {
            "route": solution.route, "rank": int(solution.rank), "unknowns": int(solution.x.size),
            "condition": float(solution.condition), "residual": float(solution.residual), "error": float(solution.error),
        }  # fmt: skip
        c["last"]["note"] = found.note
        if solution.deficiency and found.certified:
            c["closed"] = " and ".join(filter(None, (c["closed"], block.name)))
        if solution.deficiency and not found.certified and not c["deficient"]:
            c["deficient"], c["chosen"] = block.name, found.note
        if not c["deficient"]:
            c["residual"] = max(c["residual"], solution.residual)
            c["error"] = max(c["error"], solution.error)

    def descend(self, block: Affine, front: Front, candidate: dict[str, Any]) -> Descent:
        """Through one block; what a kind of recursion does differently, it does here."""
        return self.walk.descend(block, front)

    def _drop(self, state: State) -> None:
        """Forget candidates that contradict the equations (a batch's mixture contradicts them anyway)."""
        own = [c for c in state["candidates"] if c["alive"] and not c["scale"]]
        if len(own) < 2 or self.update.images > 1:
            return
        least = min(c["residual"] for c in own)
        for c in own:
            if c["residual"] > max(HOPELESS, WORSE * least):
                c["alive"] = False
                state["events"].append(f"given up: {c['words']} contradicts the equations by {c['residual']:.1e}")

    def _best(self, state: State) -> int:
        scores = self._scores(state)
        return int(scores.argmin())

    def chosen(self, state: State) -> dict[str, Any]:
        """The best candidate, or the one that it is a scaled copy of."""
        return state["candidates"][state["candidates"][self._best(state)]["of"]]

    def _scores(self, state: State) -> Tensor:
        """Worst residual of a layer, plus how far the picture strays outside [0, 1] on average."""
        found = []
        for c in state["candidates"]:
            source = state["candidates"][c["of"]]
            score = source["residual"] if source["alive"] else float("inf")
            if c["image"] is not None:
                score += float((c["image"] - c["image"].clamp(0, 1)).abs().mean())
            found.append(score)
        return torch.tensor(found, dtype=torch.float64)

    def _finish(self, state: State) -> None:
        """The pictures, in pixels."""
        for c in state["candidates"]:
            source = state["candidates"][c["of"]]
            if source["alive"]:
                x = source["value"] * (c["scale"] or 1.0)
                c["image"] = self.pixels.decode(x.reshape(self.shape[1:]))

    # what is told

    def _report_layer(self, state: State, block: Block) -> LayerReport:
        c = self.chosen(state)
        last = c["last"]
        return LayerReport(
            name=block.name, route=last["route"], unknowns=last["unknowns"], rank=last["rank"],
            deficiency=last["unknowns"] - last["rank"], condition=last["condition"], residual=last["residual"],
            error=last["error"], preview=c["value"].float(),
            note="guessed: a layer above it is not determined" if c["deficient"] not in ("", block.name) else last["note"],
        )  # fmt: skip

    def _report(self, state: State, best: int, layer: LayerReport, done: bool, events: tuple[str, ...]) -> Step:
        scores = self._scores(state)
        images = torch.stack([self._image(c) for c in state["candidates"]])
        residual = torch.full_like(scores, layer.residual)
        labels = torch.stack([self._labels(c) for c in state["candidates"]])
        said = note(Found.of(self.chosen(state), self.update.images)) if done else ""
        return Step(
            iteration=state["iteration"], losses={"residual": residual, "total": torch.maximum(scores, residual)},
            images=images, labels=labels, best=best, score=scores, rate=layer.condition, done=done, note=said,
            events=events, layer=layer,
        )  # fmt: skip

    def _image(self, c: dict[str, Any]) -> Tensor:
        """(N, C, H, W) in pixels; grey before the recursion reaches the picture."""
        if c["image"] is None:
            return torch.full(self.shape, 0.5, dtype=torch.float64)
        return c["image"].expand(self.shape)

    def _labels(self, c: dict[str, Any]) -> Tensor:
        """(N,): the candidate's label; of a batch, the classes whose dL/dz is most negative."""
        if self.update.images > 1 and len(c["k"]) == self.knowledge.classes >= self.update.images:
            return c["k"].argsort()[: self.update.images]
        return torch.full((self.update.images,), c["label"])

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        c = state["candidates"][self._best(state)]
        return self._image(c), self._labels(c)

    def residual(self, state: State) -> dict[str, float]:
        """||g_l - g*_l|| / ||g*_l|| of the gradient itself, once there is a picture; {} before."""
        if state["candidates"][self._best(state)]["image"] is None:
            return {}
        picture, labels = self.answer(state)
        last = last_dense(self.knowledge.model)
        readable = self.update.images == 1 and last is not None and last.bias is not None
        knowledge = replace(self.knowledge, labels=labels.clamp(min=0))
        cpu = torch.device("cpu")
        seen = observe(self.update, knowledge, "observed_delta" if readable else "known", torch.float64, cpu)
        gradient = GradientMap(knowledge, seen.loss, self.plan, torch.float64, cpu)
        found = gradient(self.pixels.encode(picture)[None], seen.target[None])
        pairs = zip(self.update.tensors, found, seen.gradients, seen.norms, strict=True)
        return {name: float((g.detach()[0] - t).norm()) / (norm or 1.0) for name, g, t, norm in pairs}
