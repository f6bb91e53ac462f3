"""How long a run will take, before it is run: measured seconds per iteration times iterations."""

from __future__ import annotations

import math
import time

from gi_core import attacks
from gi_core.attacks.local_steps import simulated_steps
from gi_core.runs import allowances, planned
from gi_core.runs.question import Question
from gi_core.spec.attacks import AttackSettings, ClosedForm, Dlg, InvertingGradients, LevenbergMarquardt
from gi_core.spec.plan import Plan

STEPS_SECONDS, PLAN_SECONDS = 0.3, 0.5
TYPICAL = {"dlg": 100, "idlg": 100, "levenberg_marquardt": 10}
"""Iterations after which attacks that stop by themselves usually have; the others use them all."""


def evaluations(settings: AttackSettings) -> float:
    """Gradient evaluations of one trial in one iteration, roughly; each counts as one `Plan.seconds`."""
    if isinstance(settings, LevenbergMarquardt):
        return 0.9 * settings.krylov  # early steps need few Lanczos vectors, late ones all; measured mean
    if isinstance(settings, Dlg):
        return 1.5 * settings.inner  # one start at a time, mostly
    if isinstance(settings, InvertingGradients) and settings.optimiser == "lbfgs":
        return 50.0 * settings.trials
    return 1.2 * settings.trials


def iterations(settings: AttackSettings) -> int:
    """Iterations that the attack will typically take; a recursion's are its layers."""
    return min(settings.iterations, TYPICAL.get(settings.kind, settings.iterations))


FLOPS = 1.5e10
"""Double-precision operations in a second of a factorisation on one core, roughly."""


def _of_layers(question: Question) -> tuple[float, Plan]:
    """A layer of n unknowns takes about n^3 / 3 operations where its equations must be solved jointly."""
    attack = attacks.make(
        question.experiment.attack, question.round.update, question.round.knowledge, plan=Plan(), device=question.device
    )
    sizes = [min(4600, math.prod(block.input_shape)) for block in attack.blocks]
    return sum(n**3 / 3 / FLOPS + 0.01 for n in sizes) / len(sizes), Plan(device=question.device.type)


def seconds_per_iteration(question: Question) -> tuple[float, Plan]:
    """Measured on real steps where a step is short, else from the plan's measured gradient."""
    settings, done = question.experiment.attack, question.round
    if isinstance(settings, ClosedForm):
        return _of_layers(question)
    plan = planned.plan(question, PLAN_SECONDS, allowances.preview())
    played = max(1, simulated_steps(done.knowledge.schedule, getattr(settings, "rounds", "auto")))
    guess = (plan.seconds or 0.0) * evaluations(settings) * played
    if guess > STEPS_SECONDS:
        return guess, plan
    attack = attacks.make(settings, done.update, done.knowledge, plan=plan, device=question.device)
    state, steps, began = attack.init(question.experiment.seed), 0, time.process_time()
    while steps < 5 and time.process_time() - began < STEPS_SECONDS:
        state, step = attack.step(state)
        steps += 1
        if step.done:
            break
    return (time.process_time() - began) / steps, plan
