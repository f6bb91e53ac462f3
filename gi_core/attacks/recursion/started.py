"""Gradient matching that starts where residual recovery ends: at a picture solved block by block, not at noise or a prior.

The attacker chooses by its own misfit, the weighted distances of gradient and batch norm statistics, which no private picture
enters: the recovered picture is the start only where its misfit is below that of the start that the settings name, and it stays
the answer unless the matching comes to a lower one. This project's own.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gi_core.attacks.base import Refused, State, Step
from gi_core.attacks.client_round.local_steps import as_mean_gradient, one_step
from gi_core.attacks.matching.machine import GradientMatching
from gi_core.attacks.recursion.masked import filled
from gi_core.attacks.recursion.residual.machine import ResidualMachine
from gi_core.settings.check import one_gradient_only
from gi_core.settings.closed_form_attacks import ResidualRecursion
from gi_core.settings.fl_attacks import FlGradientInversion
from gi_core.settings.matching_base import DECODERS
from gi_core.settings.plan import Plan
from gi_core.types.attacker_parts import Started
from gi_core.types.updates import Knowledge, Update

PATIENCE = 100
"""Iterations without a lower misfit that end a matching which started from a recovered picture."""
WANTED = ResidualRecursion()
"""The recursion that goes before."""
GENTLE = {"parametrisation": "pixels", "learning_rate": 3e-3, "total_variation": 1e-3}
"""What is chosen where the settings leave it open: steps that do not undo at once what was found."""
AUTO = {"parametrisation": "auto", "learning_rate": None, "total_variation": None}
NO_DECODER = "the weights of a decoder are searched, which no picture starts"
BLIND = "it recovered nothing"


class StartedMatching:
    """The machine (see `attacks.base.Attack`) in two phases: residual recovery where it applies, then the matching."""

    simulates = True

    def __init__(
        self, settings: FlGradientInversion, update: Update, knowledge: Knowledge, plan: Plan, device: torch.device
    ):  # fmt: skip
        self.settings, self._of = settings, (update, knowledge, plan, device)
        self.first, self.reason = self._recursion()
        self.steps = settings.iterations + (0 if self.first is None else self.first.steps)
        self._matchings: dict[bool, GradientMatching] = {}
        if self.first is None:
            self._matching(False)  # refuses now what it cannot do

    def _recursion(self) -> tuple[ResidualMachine | None, str]:
        """Residual recovery of this update, or why it does not apply."""
        update, knowledge, plan, device = self._of
        if self.settings.parametrisation in DECODERS:
            return None, NO_DECODER
        if update.kind == "weight_change" and not one_step(knowledge.schedule):
            return None, one_gradient_only(ResidualRecursion.title)
        try:
            gradient = filled(as_mean_gradient(update, knowledge.schedule, knowledge.model), knowledge)
            wanted = WANTED.model_copy(update={"adaptive": self.settings.adaptive})
            return ResidualMachine(wanted, gradient, knowledge, plan, device), ""
        except Refused as refusal:
            return None, str(refusal)

    def _matching(self, from_picture: bool) -> GradientMatching:
        """The matching as the settings say, or gentle and of one trial."""
        if from_picture not in self._matchings:
            o = self.settings
            if from_picture:
                open_ = {name: value for name, value in GENTLE.items() if getattr(o, name) == AUTO[name]}
                o = o.model_copy(update={**open_, "trials": 1})
            self._matchings[from_picture] = GradientMatching(o, *self._of)
        return self._matchings[from_picture]

    def init(self, seed: int) -> State:
        state: State = {
            "iteration": 0, "seed": seed, "solving": None, "matching": None, "best": None, "misfit": float("inf"), "idle": 0,
            "said": [], "found": {"kind": ResidualRecursion.model_fields["kind"].default, "used": False, "note": self.reason},
        }  # fmt: skip
        if self.first is not None:
            try:
                state["solving"] = self.first.init(seed)
                return state
            except Refused as refusal:
                state["found"]["note"] = str(refusal)
        self._begin(state, None)
        return state

    # the two phases

    def step(self, state: State) -> tuple[State, Step]:
        state["iteration"] += 1
        state, step = self._solve(state) if state["solving"] is not None else self._match(state)
        events, state["said"] = (*state["said"], *step.events), []
        return state, replace(step, iteration=state["iteration"], events=events)

    def _solve(self, state: State) -> tuple[State, Step]:
        assert self.first is not None
        solved, step = self.first.step(state["solving"])
        if not step.done:
            state["solving"] = solved
            return state, step
        state["solving"], state["found"]["note"] = None, step.note
        self._begin(state, None if solved["best"] is None else self.first.answer(solved)[0].clamp(0, 1))
        return state, replace(step, done=False, note="")

    def _begin(self, state: State, picture: Tensor | None) -> None:
        """Choose the start by its misfit, and begin the matching. picture: (N, C, H, W) in pixels, None where there is none."""
        found, seed = state["found"], state["seed"]
        if picture is not None:
            gentle, usual = self._matching(True), self._matching(False)
            starts = usual.problem.pictures(usual.init(seed)["z"])
            found["misfit"], *others = [gentle.misfit_of(p, seed) for p in (picture, *starts)]
            found["usual"] = min(others)
            found["used"] = found["misfit"] < found["usual"]
        if picture is not None and found["used"]:
            state["best"], state["misfit"] = picture, found["misfit"]
            state["matching"] = self._matching(True).init_near(picture, seed)
            self._matchings.pop(False)
        else:
            self._matchings.pop(True, None)
            state["matching"] = self._matching(False).init(seed)
        state["said"].append(said(found))

    def _match(self, state: State) -> tuple[State, Step]:
        used = state["found"]["used"]
        matching = self._matching(used)
        state["matching"], step = matching.step(state["matching"])
        if not used:
            return state, step
        misfit = float(matching.misfit(step.losses))
        state["idle"] += 1
        if misfit < state["misfit"]:
            state["best"], state["misfit"], state["idle"] = matching.answer(state["matching"])[0], misfit, 0
        idle = state["idle"] >= PATIENCE and not step.done
        if not (step.done or idle):
            return state, step
        state["found"]["after"] = state["misfit"]
        why = f"{PATIENCE} iterations brought no lower misfit" if idle else step.note
        score = torch.tensor([state["misfit"]], dtype=torch.float64)
        note = f"{why}; {ended(state['found'])}"
        return state, replace(step, done=True, note=note, images=state["best"][None], score=score)

    # what is asked of it

    def started(self, state: State) -> Started:
        """What the start was, and what the matching made of it."""
        found: Started = {**state["found"]}  # type: ignore[typeddict-item]
        return found

    def answer(self, state: State) -> tuple[Tensor, Tensor]:
        if state["solving"] is not None:
            assert self.first is not None
            return self.first.answer(state["solving"])
        images, labels = self._matching(state["found"]["used"]).answer(state["matching"])
        return (images if state["best"] is None else state["best"]), labels

    def residual(self, state: State) -> dict[str, float]:
        if state["solving"] is not None:
            assert self.first is not None
            return self.first.residual(state["solving"])
        matching = self._matching(state["found"]["used"])
        if state["best"] is None:
            return matching.residual(state["matching"])
        return matching.problem.residual(matching.init_near(state["best"], state["seed"])["z"][0])


def said(found: Started) -> str:
    """What became of the start, one sentence."""
    note = found["note"] or BLIND
    if "misfit" not in found:
        return f"the matching does not start from residual recovery: {note}"
    against = f"its misfit is {found['misfit']:.2g}, and {found['usual']:.2g} at the usual start"
    begin = "starts from residual recovery" if found["used"] else "does not start from residual recovery"
    return f"the matching {begin}: {note}; {against}"


def ended(found: Started) -> str:
    """What the matching added, a clause."""
    if found["after"] < found["misfit"]:
        return f"from residual recovery's misfit of {found['misfit']:.2g} it came to {found['after']:.2g}"
    return f"the answer is residual recovery's picture, whose misfit of {found['misfit']:.2g} it did not lower"
