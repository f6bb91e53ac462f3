"""A round whose update is taken away, for a standing control: noise of the same length, another client's, or nothing.

    noise   g_l = |g*_l| u_l / |u_l|,  u_l ~ N(0, 1), for each tensor l
    other   g = the update of the same network on the next picture of the same source, behind the same defenses
    prior   noise again, and the attack is told that it says nothing, so that only its prior counts

What the answer is compared with stays the private picture. Whoever gets as much of it here as from the update itself got it from
somewhere else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from gi_core import clients, data
from gi_core.clients import Round
from gi_core.data import Pictures, neighbours
from gi_core.defenses import noise_seed
from gi_core.experiments.fished import as_fished
from gi_core.settings import Experiment, SpecError
from gi_core.settings.controls import CONTROLS
from gi_core.types.attacker_parts import Controlled
from gi_core.types.updates import Update

if TYPE_CHECKING:
    from gi_core.experiments.setup import Question

NOISE_DRAW = -109
"""Place of the control's noise among the draws of a seed (`defenses.noise_seed`)."""


def taken_away(experiment: Experiment, model: nn.Module, done: Round, device: torch.device) -> Round:
    """The round as the control has it; as given without one. Raises SpecError where there is no other picture."""
    if experiment.control == "none":
        return done
    if experiment.control == "other":
        return _another(experiment, model, device)
    draw, knowledge = torch.Generator().manual_seed(noise_seed(experiment.seed, NOISE_DRAW)), done.knowledge
    update = replace(_noise(done.update, knowledge.model, draw), silent=experiment.control == "prior")
    earlier = tuple(replace(one, update=_noise(one.update, one.knowledge.model, draw)) for one in knowledge.earlier)
    return replace(done, update=update, clean=update, knowledge=replace(knowledge, earlier=earlier))


def other_pictures(experiment: Experiment) -> Pictures:
    """As many pictures of the same source as the client has, none of them its own. Raises SpecError."""
    own = experiment.samples
    others = neighbours.more(own, 2 * len(own))[len(own) :]
    return data.load(experiment.model_copy(update={"samples": others, "labels": None}))


def _another(experiment: Experiment, model: nn.Module, device: torch.device) -> Round:
    try:
        pictures = other_pictures(experiment)
    except SpecError as why:
        raise SpecError(f"there is no other client for this control: {why}") from None
    done = clients.play(experiment.model_copy(update={"labels": None}), model, pictures, device)
    return as_fished(replace(pictures, labels=done.labels.numpy()), done)[1]


def _noise(update: Update, model: nn.Module, draw: torch.Generator) -> Update:
    """Nothing of the update but the lengths of its tensors; the network's own statistics in place of those that were sent."""
    tensors = {}
    for name, tensor in update.tensors.items():
        drawn = torch.randn(tensor.shape, generator=draw, dtype=torch.float64)
        length = float(tensor.double().norm())
        tensors[name] = (drawn * (length / (float(drawn.norm()) or 1.0))).to(tensor)
    own = model.state_dict()
    statistics = update.statistics and {
        name: own.get(name, value).to(value) for name, value in update.statistics.items()
    }
    return replace(update, tensors=tensors, statistics=statistics, rounding=None)


def plausible(answers: np.ndarray, candidates: np.ndarray) -> bool:
    """Whether every answer (N, C, H, W) is as smooth and as varied as real pictures (M, C, H, W) are, all in [0, 1].

    Smooth: its mean |difference of neighbours| is at most that of 95 of 100 pictures; varied: its standard deviation is at least that of
    5 of 100. It says of an answer to noise that it looks like a picture, not that it is one.
    """
    rough, spread = _roughness(candidates), candidates.std((1, 2, 3))
    own = np.clip(np.nan_to_num(answers), 0.0, 1.0)
    smooth = bool((_roughness(own) <= np.quantile(rough, 0.95)).all())
    return smooth and bool((own.std((1, 2, 3)) >= np.quantile(spread, 0.05)).all())


def _roughness(pictures: np.ndarray) -> np.ndarray:
    """(N,): the mean absolute difference of neighbouring pixels."""
    down = np.abs(np.diff(pictures, axis=2)).mean((1, 2, 3))
    found: np.ndarray = (down + np.abs(np.diff(pictures, axis=3)).mean((1, 2, 3))) / 2
    return found


def told(question: Question, answers: np.ndarray) -> Controlled:
    """What a result says of a control. answers: (N, C, H, W) in pixels."""
    kind = question.experiment.control
    found: Controlled = {"kind": kind, "given": CONTROLS[kind][1]}
    if kind == "noise" and question.experiment.recorded is None:
        found["plausible"] = plausible(answers, data.candidates(question.experiment))
    return found
