"""How long a run will take, before it is run: measured seconds per iteration times iterations."""

from __future__ import annotations

import math
import time

import torch

from gi_core import attacks
from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import simulated_steps
from gi_core.attacks.ensemble.machine import Ensemble
from gi_core.attacks.ensemble.reading import QUIET
from gi_core.attacks.recursion.imprint.machine import BinReader
from gi_core.attacks.recursion.machine import Recursion
from gi_core.attacks.recursion.partial.machine import TrainedPart
from gi_core.attacks.recursion.residual.machine import ResidualMachine
from gi_core.attacks.recursion.spear.machine import SpearMachine
from gi_core.attacks.recursion.started import PATIENCE, StartedMatching
from gi_core.attacks.recursion.transformer import costs
from gi_core.attacks.recursion.transformer.machine import TransformerMachine
from gi_core.clients.round import Round
from gi_core.experiments import planned
from gi_core.experiments.setup import Question
from gi_core.jobs import allowances, times
from gi_core.settings import Experiment, transformer_checks
from gi_core.settings.attacks import AttackSettings, Auto, ClosedForm, Dlg, InvertingGradients, LevenbergMarquardt
from gi_core.settings.client import FedAvg
from gi_core.settings.closed_form_attacks import Transformer
from gi_core.settings.fl_attacks import FlGradientInversion
from gi_core.settings.networks import VisionTransformer
from gi_core.settings.plan import Plan
from gi_core.settings.server_checks import as_attacked

STEPS_SECONDS, PLAN_SECONDS = 0.3, 0.5
READING_SECONDS = 0.05
"""Of a step that reads the rows of bins or traps; 0.001 to 0.02 were measured."""
LITTLE = 10
"""Times the seconds that steps are tried for: a run that is guessed to take longer is worth the trial."""


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
    """Iterations that an attack which iterates will typically take."""
    return min(settings.iterations, settings.typical or settings.iterations)


def _of_layers(settings: AttackSettings, done: Round, device: torch.device) -> tuple[float, int]:
    """Seconds of one layer of a recursion, whose iterations are its layers, and how many there are."""
    attack = attacks.make(settings, done.update, done.knowledge, plan=Plan(), device=device)
    if isinstance(attack, BinReader):  # rows that a server prepared, each divided once
        return READING_SECONDS, attack.steps
    assert isinstance(attack, Recursion)  # the machine of every other closed form
    if isinstance(attack, ResidualMachine | SpearMachine | TrainedPart | TransformerMachine):
        return attack.operations() / times.FLOPS / attack.steps, attack.steps
    sizes = [math.prod(block.input_shape) for block in attack.blocks]
    return times.layer_by_layer(sizes) / len(sizes), len(sizes)


def seconds_per_iteration(question: Question) -> tuple[float, int, Plan]:
    """And how many iterations it will typically take. Measured on real steps where a step is short, else from the plan's
    measured gradient.
    """
    settings, done, device = question.experiment.attack, question.round, question.device
    if isinstance(settings, ClosedForm):
        return *_of_layers(settings, done, device), Plan(device=device.type)
    started = _started(settings, done, device)
    if started is not None:
        plan = planned.plan(question, PLAN_SECONDS, allowances.preview())
        total, count = _of_started(started, settings, done, device, plan, question.experiment.seed)
        return total / count, count, plan
    if isinstance(settings, Auto):
        plan = planned.plan(question, PLAN_SECONDS, allowances.preview())
        return _of_ensemble(settings, done, device, plan) / settings.iterations, settings.iterations, plan
    plan = planned.plan(question, PLAN_SECONDS, allowances.preview())
    return _by_plan(settings, done, device, plan, question.experiment.seed, 0.0), iterations(settings), plan


def by_sizes(experiment: Experiment, sides: tuple[int, int]) -> tuple[float, int] | None:
    """(seconds of an iteration, how many) of a closed form of transformers on pictures (H, W), before its network is built; None of
    other attacks.
    """
    experiment = as_attacked(experiment)
    settings, model, client = experiment.attack, experiment.model, experiment.client
    if not isinstance(settings, Transformer) or not isinstance(model, VisionTransformer):
        return None
    played = client.local_steps(experiment.pictures)[0] if isinstance(client, FedAvg) else 1
    masked = bool(experiment.defenses) and all(d.only("clearing") for d in experiment.defenses)
    shape = transformer_checks.shape_of(model, sides)
    found = costs.of(shape, settings, experiment.pictures, played, settings.adaptive and masked)
    return found.operations / times.FLOPS / found.steps, found.steps


def of_run(question: Question, plan: Plan) -> float:
    """Seconds that the loop of this run will take, by its plan."""
    asked = question.experiment
    return loop(asked.attack, question.round, question.device, plan, asked.seed, asked.seconds)


def loop(
    settings: AttackSettings, done: Round, device: torch.device, plan: Plan, seed: int, most: float | None = None
) -> float:
    """Seconds of all iterations, `most` at most, by this plan. A few steps are measured where that takes little of the whole."""
    if isinstance(settings, ClosedForm):
        each, count = _of_layers(settings, done, device)
        total = count * each
    elif (started := _started(settings, done, device)) is not None:
        total, _ = _of_started(started, settings, done, device, plan, seed)
    elif isinstance(settings, Auto):
        total = _of_ensemble(settings, done, device, plan)
    else:
        count = iterations(settings)
        total = count * _by_plan(settings, done, device, plan, seed, LITTLE * STEPS_SECONDS / count)
    return total if most is None else min(total, most)


def _started(settings: AttackSettings, done: Round, device: torch.device) -> StartedMatching | None:
    """The matching that residual recovery goes before; None where it does not."""
    if not (isinstance(settings, FlGradientInversion) and settings.residual_first):
        return None
    attack = attacks.make(settings, done.update, done.knowledge, plan=Plan(), device=device)
    return attack if isinstance(attack, StartedMatching) and attack.first is not None else None


def _of_started(
    attack: StartedMatching, settings: AttackSettings, done: Round, device: torch.device, plan: Plan, seed: int
) -> tuple[float, int]:
    """Seconds of the recursion and of the matching that finds nothing better, and the steps of both."""
    assert isinstance(settings, FlGradientInversion) and attack.first is not None
    plain, count = settings.model_copy(update={"residual_first": False}), min(settings.iterations, PATIENCE)
    first = attack.first.operations() / times.FLOPS
    return first + count * _by_plan(plain, done, device, plan, seed, 0.0), attack.first.steps + count


def _of_ensemble(settings: Auto, done: Round, device: torch.device, plan: Plan) -> float:
    """Seconds of the closed forms that apply, the first of which ends it where the update is exact; else of the budget too."""
    attack = attacks.make(settings, done.update, done.knowledge, plan=plan, device=device)
    assert isinstance(attack, Ensemble)
    total = 0.0
    for member in attack.members:
        if member.phase != "closed form":
            continue
        try:
            each, count = _of_layers(member.settings[0], done, device)
        except Refused:
            continue
        total += each * count
        if done.update.images == 1 and not attack.reading.noise > QUIET:
            return total
    played = max(1, simulated_steps(done.knowledge.schedule, settings.local_rounds))
    return total + (plan.seconds or 0.0) * settings.iterations * played


def _by_plan(settings: AttackSettings, done: Round, device: torch.device, plan: Plan, seed: int, least: float) -> float:
    """Seconds of one iteration: by its gradients where that is long or below `least`, else measured on a few steps."""
    played = max(1, simulated_steps(done.knowledge.schedule, settings.local_rounds))
    played *= len(done.knowledge.earlier) + 1 if settings.stacks else 1
    guess = (plan.seconds or 0.0) * evaluations(settings) * played
    if guess > STEPS_SECONDS or guess < least:
        return guess
    attack = attacks.make(settings, done.update, done.knowledge, plan=plan, device=device)
    state, steps, began = attack.init(seed), 0, time.process_time()
    while steps < 5 and time.process_time() - began < STEPS_SECONDS:
        state, step = attack.step(state)
        steps += 1
        if step.done:
            break
    return (time.process_time() - began) / steps
