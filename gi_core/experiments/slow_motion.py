"""The first iterations of a gradient matching, one by one, with the numbers in the equation: for a class, not for a measurement.

The machine is the attack's own, and takes its own steps; loss and gradient are evaluated once more before and after each, so
an iteration takes a little longer than in a run. Nothing but the update is looked at.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch

from gi_core import attacks
from gi_core.attacks.base import Refused, State
from gi_core.attacks.matching.machine import GradientMatching
from gi_core.common.progress import Progress
from gi_core.experiments.picture_files import save_png, sheet
from gi_core.experiments.setup import Questions, check, choose_device, refuse_no_signal
from gi_core.settings import Experiment, SpecError
from gi_core.settings.attacks import Matching
from gi_core.settings.plan import Plan
from gi_core.types.slow_motion import Moment, SlowMotion

MOST = 30
_NEWTON = "x ← x − H ∇D(x),  H from the curvature so far (L-BFGS)"
_RULES = {
    "adam": "x ← x − η m / (√v + ε),  m and v means of ∇D(x) and of its square (Adam)",
    "sgd": "x ← x − η (∇D(x) + 0.9 m),  m the direction so far (SGD with momentum)",
}


def answer(
    experiment: Experiment, iterations: int, folder: Path, questions: Questions, progress: Progress
) -> SlowMotion:
    """The first iterations, at most `MOST`, and a picture of each in the folder. Raises SpecError or Refused."""
    if not isinstance(experiment.attack, Matching):
        raise SpecError(
            f"slow motion is of attacks that search, such as dlg: {experiment.attack.title} has no iterations to look at"
        )
    if not 1 <= iterations <= MOST:
        raise SpecError(f"slow motion shows 1 to {MOST} iterations, not {iterations}")
    asked = experiment.model_copy(update={"attack": experiment.attack.model_copy(update={"trials": 1})})
    check(asked)
    question = questions.get(asked, choose_device(asked.device), progress)
    refuse_no_signal(question)
    done = question.round
    machine = attacks.make(asked.attack, done.update, done.knowledge, plan=Plan(), device=question.device)
    if not isinstance(machine, GradientMatching):
        raise Refused(f"{asked.attack.title} has no iterations that can be looked at one by one")
    state, moments = machine.init(asked.seed), []
    start = _picture(machine, state, folder, 0)
    for number in range(1, iterations + 1):
        progress(number / iterations, f"iteration {number} of {iterations}")
        moment, over = _moment(machine, state, folder, number)
        moments.append(moment)
        if over:
            break
    rule = _NEWTON if machine.o.second_order else _RULES[machine.o.optimiser]
    return {"status": "done", "rule": rule, "start": start, "moments": moments}


def _moment(machine: GradientMatching, state: State, folder: Path, number: int) -> tuple[Moment, bool]:
    """One step of the machine, and whether it was the last. Raises Refused where a number is not finite."""
    before = state["z"][:1].clone()
    gradient, terms = machine.problem.evaluate(before)
    _, step = machine.step(state)
    after = state["z"][:1]
    moment: Moment = {
        "iteration": number, "loss": float(terms["total"][0]), "gradient": float(gradient.norm()),
        "moved": float((after - before).norm()), "after": float(machine.problem.evaluate(after)[1]["total"][0]),
        "picture": _picture(machine, state, folder, number),
    }  # fmt: skip
    if not all(math.isfinite(moment[name]) for name in ("loss", "gradient", "moved", "after")):
        raise Refused(f"the search diverged at iteration {number}: choose another seed")
    return moment, step.done


def _picture(machine: GradientMatching, state: State, folder: Path, number: int) -> str:
    """What is held now, as a file; its name."""
    name = f"moment_{number}.png"
    images = machine.problem.pictures(state["z"][:1])[0].to("cpu", torch.float64).clamp(0, 1).numpy()
    save_png(folder / name, sheet(images))
    return name
