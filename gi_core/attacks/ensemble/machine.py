"""The ensemble as an attack: it owns the machines of its members, one at a time, and keeps the best answer by its own evidence."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gi_core.attacks import make
from gi_core.attacks.adaptive.knowledge import given
from gi_core.attacks.base import Attack, Refused, State, Step
from gi_core.attacks.ensemble import tried as records
from gi_core.attacks.ensemble.evidence import Evidence, Found
from gi_core.attacks.ensemble.members import Member, members
from gi_core.attacks.ensemble.reading import read
from gi_core.attacks.ensemble.verdict import NONE, Verdict, of_answer, proved, told_apart
from gi_core.attacks.explaining import MATCHED
from gi_core.attacks.observation import refuse_bad_update
from gi_core.common.errors import SpecError
from gi_core.settings.attacks import Auto
from gi_core.settings.plan import Plan
from gi_core.types.attacker_parts import Knows, Tried
from gi_core.types.updates import Knowledge, Update

NEAR = 0.1
"""Residual up to which an answer is a better start than a fresh one, and second-order steps are worth taking from it. Above, a search
goes on in the wrong valley (measured)."""
STALLS = "it stalls at the kinks of this network's functions, and nothing near was found to start from"


class Ensemble:
    """The machine (see `attacks.base.Attack`). Its members are made from the same update and knowledge, as if each were alone."""

    simulates = True
    whole = True
    """It is given what left the client and all that the server has; its members are given what each may know."""

    def __init__(self, settings: Auto, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device):
        refuse_bad_update(update.norm())
        self.settings, self.update, self.knowledge = settings, update, knowledge
        self.plan, self.device = plan, device
        seen = given(settings, knowledge)
        self.reading = read(update, seen)
        self.evidence = Evidence(update, seen, self.reading.noise, self.reading.cleared)
        self.told, self.seen = knowledge, seen
        if (
            self.reading.pruned is not None and not settings.adaptive
        ):  # what the update itself shows, the members are told
            settings = settings.model_copy(update={"adaptive": True})
            self.told = self.seen = replace(seen, defenses=(self.reading.pruned,))
        self.members = members(settings, update, self.told, self.reading)
        self.shape = (update.images, *knowledge.input_shape)
        self._inner: tuple[int, Attack] | None = None
        self._judged: tuple[dict[str, Any], Verdict] | None = None

    def init(self, seed: int) -> State:
        return {
            "seed": seed, "iteration": 0, "member": 0, "inner": None, "strategy": 0, "spent": 0.0, "allowed": 0.0, "steps": 0,
            "seconds": 0.0, "tried": [], "best": None, "said": False,
        }  # fmt: skip

    def step(self, state: State) -> tuple[State, Step]:
        began = time.perf_counter()
        events = [] if state["said"] else [f"read: {text}" for text in self.reading.said]
        state["said"] = True
        while state["inner"] is None and state["member"] < len(self.members):
            events += self._begin(state)
        if state["inner"] is None:
            if state["best"] is None:
                raise Refused(records.none_applies(state["tried"]))
            state["iteration"] += 1
            return state, self._shown(state, None, True, tuple(events))
        member, machine = self.members[state["member"]], self._machine(state)
        try:
            state["inner"], step = machine.step(state["inner"])
        except Refused as refusal:  # some see only on their way that they cannot go on
            self._give_up(state, str(refusal))
            return self.step(state)
        state["steps"] += 1
        state["seconds"] += time.perf_counter() - began
        before = state["spent"]
        if member.share:
            own = getattr(machine, "cost", None)
            state["spent"] = state["before"] + (own(state["inner"]) if own else step.iteration * member.each)
        state["iteration"] += max(1, round(state["spent"] - before))  # of the budget, so that progress can be told
        over = step.done or (member.share > 0 and state["spent"] - state["before"] >= state["allowed"])
        events += [f"{member.kind}: {event}" for event in step.events]
        if over:
            events.append(self._end(state, machine, step))
        return state, self._shown(state, step, over and state["member"] == len(self.members), tuple(events))

    # members

    def _begin(self, state: State) -> list[str]:
        """Begin the next member, or note why it is passed over."""
        member = self.members[state["member"]]
        reason = member.left_out or self._unneeded(state, member)
        if not reason:
            try:
                self._start(state, member)
            except (Refused, SpecError) as refusal:
                reason = str(refusal)
        if not reason:
            return [f"{member.kind} is tried: {member.why}"]
        state["tried"].append(records.passed(member.kind, reason, refused=not self._certain(state)))
        state["member"] += 1
        return []

    def _certain(self, state: State) -> bool:
        """Whether the best explains an update that leaves little open. Behind much noise many answers do, and the likelier is sought."""
        return state["best"] is not None and bool(state["best"]["certain"]) and self.evidence.tolerance <= MATCHED

    def _unneeded(self, state: State, member: Member) -> str:
        """Why nothing is gained by it, in view of what is there; "" where something may be."""
        best = state["best"]
        residual = math.inf if best is None or best["residual"] is None else best["residual"]
        if self._certain(state):
            return f"not needed: {best['title']} explains the update to its own precision"
        if (said := told_apart(best)) and 2 * best["proved"] >= self.update.images:
            return f"not needed: {said}"
        if member.phase == "matching" and residual <= MATCHED:
            return f"not needed: {best['title']} leaves {residual:.1g} of the update"
        if member.sharpens and residual > NEAR:
            return "it goes on from what is near, and nothing near was found" if not self.reading.kinked else STALLS
        return ""

    def _start(self, state: State, member: Member) -> None:
        """Make the member's machine and its first state. Raises Refused or SpecError."""
        refusal: Exception | None = None
        for number in range(len(member.settings)):
            try:
                state["strategy"], state["before"] = number, state["spent"]
                state["allowed"] = member.share * (self.settings.iterations - state["spent"])
                self._inner = None
                machine = self._machine(state)
                state["inner"] = self._first(state, machine)
                state["steps"], state["seconds"] = 0, 0.0
                return
            except (Refused, SpecError) as error:
                refusal = refusal or error
        assert refusal is not None
        raise refusal

    def _give_up(self, state: State, why: str) -> None:
        member = self.members[state["member"]]
        state["tried"].append(records.passed(member.kind, why, refused=True))
        state["member"], state["inner"], self._inner = state["member"] + 1, None, None

    def _first(self, state: State, machine: Attack) -> State:
        """From the best picture so far, where that is near and the member can start there."""
        best, starts = state["best"], getattr(machine, "init_near", None)
        near = best is not None and best["residual"] is not None and best["residual"] < NEAR
        if near and starts is not None:
            return starts(best["images"], state["seed"])
        return machine.init(state["seed"])

    def _machine(self, state: State) -> Attack:
        """That of the member at work; made anew after a run was resumed."""
        if self._inner is None or self._inner[0] != state["member"]:
            member = self.members[state["member"]]
            chosen = member.settings[state["strategy"]]
            if member.phase == "matching":  # its step size falls over all its iterations
                chosen = chosen.model_copy(update={"iterations": max(1, int(state["allowed"] // member.each))})
            self._inner = state["member"], make(chosen, self.update, self.told, plan=self.plan, device=self.device)
        return self._inner[1]

    def _end(self, state: State, machine: Attack, step: Step) -> str:
        """Judge the member's answer, keep it where it is the best, and go on. Returns what happened."""
        member, began = self.members[state["member"]], time.perf_counter()
        images, labels = machine.answer(state["inner"])
        found = self.evidence.of(images, labels)
        better = state["best"] is None or found.score < state["best"]["score"]
        if better:
            state["best"] = self._kept(member, images, found, proved(machine, state["inner"]))
        seconds = state["seconds"] + time.perf_counter() - began
        state["tried"].append(
            records.ended(member, found, step, state["steps"], state["spent"] - state["before"], seconds, better)
        )
        state["member"], state["inner"], self._inner = state["member"] + 1, None, None
        left = "an unknown share" if found.residual is None else f"{found.residual:.2g}"
        return f"{member.kind} leaves {left} of the update" + (": the best so far" if better else "")

    def _kept(self, member: Member, images: Tensor, found: Found, alone: int = 0) -> dict[str, Any]:
        """The answer as it was judged: its pixels within what a picture holds."""
        return {
            "kind": member.kind, "title": member.settings[0].title, "images": images.detach().cpu().double().clamp(0, 1), "labels": found.labels.detach().cpu().clone(),
            "residual": found.residual, "score": found.score, "tensors": dict(found.tensors),
            "certain": self.evidence.certain(found.residual), "even": found.even, "proved": alone,
        }  # fmt: skip

    def _shown(self, state: State, step: Step | None, done: bool, events: tuple[str, ...]) -> Step:
        if done or step is None:
            images, labels = self.answer(state)
            value = torch.tensor([state["best"]["score"]], dtype=torch.float64)
            rate = 0.0
        else:
            best = int(step.best)
            images, labels = step.images[best], step.labels[best]
            value, rate = step.losses["total"][best : best + 1], step.rate
        return Step(
            iteration=state["iteration"], losses={"total": value}, images=images[None], labels=labels[None], best=0, score=value,
            rate=rate, done=done, note=self._verdict(state["best"]).sentence if done else "", events=events,
            tried=(*state["tried"], *self._at_work(state)), layer=None if step is None else step.layer,
        )  # fmt: skip

    def _at_work(self, state: State) -> list[Tried]:
        if state["inner"] is None:
            return []
        member = self.members[state["member"]]
        return [records.at_work(member, state["steps"], state["spent"] - state["before"], state["seconds"])]

    def residual(self, state: State) -> dict[str, float]:
        best = self._standing(state)
        return {} if best is None else dict(best["tensors"])

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        """The best so far, that of the member at work included; grey before there is any."""
        best = self._standing(state)
        if best is None:
            return torch.full(self.shape, 0.5, dtype=torch.float64), torch.zeros(self.shape[0], dtype=torch.int64)
        return best["images"], best["labels"]

    def knows(self, state: State) -> Knows:
        """What the attacker says of the answer, and how it came to it."""
        best = self._standing(state)
        said = self._verdict(best)
        return {"tried": list(state["tried"]), "verdict": said.word, "expected_error": said.error}

    def _verdict(self, best: dict[str, Any] | None) -> Verdict:
        """Of one answer once, as its Jacobian is dear."""
        if best is None:
            return NONE
        if self._judged is None or self._judged[0] is not best:
            self._judged = best, of_answer(best, self.update, self.seen, self.evidence)
        return self._judged[1]

    def _standing(self, state: State) -> dict[str, Any] | None:
        """The best answer if all ended now; None before the first step of the first member."""
        best = state["best"]
        if state["inner"] is None or not state["steps"]:
            return best
        images, labels = self._machine(state).answer(state["inner"])
        found = self.evidence.of(images, labels)
        if best is not None and not found.score < best["score"]:
            return best
        return self._kept(self.members[state["member"]], images, found)
