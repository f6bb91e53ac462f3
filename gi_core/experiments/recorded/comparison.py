"""An update from elsewhere beside what a client as described would send: the factor between them is found, divided out and reported.

Of one picture and one step the last dense layer tells it to the update's precision (`update_files.scaling`), and a misfit is named
(`update_files.misfit`). Of a round of several steps the same reading is rough, and only a factor beyond `GROSS` is undone. Of a
batch it is read off the classes that no picture is of, and taken where it is a round one: a sum in place of a mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.attacks.labels.guesses import guesses
from gi_core.attacks.labels.last_layer import sent, shown
from gi_core.experiments.recorded import saying
from gi_core.experiments.recorded.saying import numbers
from gi_core.networks.prepared import last_layer
from gi_core.types.loss_terms import PLAIN
from gi_core.types.result_parts import Scaled
from gi_core.types.updates import Knowledge, Update
from gi_core.update_files.scaling import Layer, Scale, fit

CERTAIN, ROUGH = 0.02, 0.5
"""Misfit of the last layer up to which the factor is undone as it is, or, beyond `GROSS`, roughly."""
GROSS = 2.0
ALIKE = 0.1
"""Relative spread of the classes' factors up to which a batch's is believed."""


@dataclass(frozen=True)
class Compared:
    """update, knowledge: with the factor undone. facts: of that factor. notices: sentences."""

    update: Update
    knowledge: Knowledge
    facts: Scaled = field(default_factory=Scaled)
    notices: tuple[str, ...] = ()


def compare(update: Update, knowledge: Knowledge) -> Compared:
    """`update` in the units of the client that `knowledge` describes. Never raises for what cannot be compared."""
    kinds = {known["kind"] for known in knowledge.defenses} - {"precode"}
    schedule = knowledge.schedule
    clips = schedule is not None and (schedule.clip_norm is not None or schedule.clip_value is not None)
    if kinds - {"clipping"} or clips or (schedule is not None and schedule.optimiser != "sgd"):
        return Compared(update, knowledge)
    if knowledge.loss == "multi_label" or (knowledge.terms.weights is not None and knowledge.terms.smoothing):
        return Compared(update, knowledge)
    if update.images > 1:
        return _batch(update, knowledge)
    found = reading(update, knowledge)
    if found is None:
        return Compared(update, knowledge)
    layer, scale = found
    facts: Scaled = {"scale": scale.factor, "scale_misfit": scale.misfit, "corrected": False}
    if kinds and 0 < scale.factor <= 1 + scale.doubt:  # a clipped one is shorter, and attacks allow for it
        return Compared(update, knowledge, facts)
    plain = schedule is None or (schedule.single and schedule.clients == 1)
    notices = saying.unlike(update, knowledge, layer, scale) if plain else []
    # A client that learns sends less with each step, but the first one's whole share: 1 / T of what T equal steps would be.
    least = 1 / GROSS if plain or schedule is None else 1 / (GROSS * max(1, schedule.played))
    gross = scale.factor < 0 or not least <= scale.factor <= GROSS
    certain = plain and scale.misfit <= CERTAIN
    if not (abs(scale.factor - 1) > scale.doubt if certain else gross and scale.misfit <= ROUGH):
        return Compared(update, knowledge, facts, tuple(notices))
    # A rough reading is off by as much as the network learns on the way: then only a sign, or an order of size, is undone.
    factor = scale.factor if certain or not least <= abs(scale.factor) <= GROSS else math.copysign(1.0, scale.factor)
    said = saying.factor(factor, knowledge, certain, plain) + saying.cause(update, knowledge, factor, scale.doubt)
    update, knowledge = undone(update, knowledge, factor)
    return Compared(update, knowledge, {**facts, "scale": factor, "corrected": True}, (said, *notices))


def reading(update: Update, knowledge: Knowledge) -> tuple[Layer, Scale] | None:
    """(last layer, its scale) of an update of one picture; None where the layer does not show it."""
    there = sent(update, knowledge)
    if not there[0]:
        return None
    update, knowledge = unscaled(update, knowledge)
    if knowledge.loss in ("multi_label", "own") or knowledge.terms.scale != 1 or knowledge.terms.reduction != "mean":
        return None
    schedule = knowledge.schedule
    found, gradient = last_layer(knowledge.model), as_mean_gradient(update, schedule, knowledge.model)
    assert found is not None  # its weight was sent
    path, dense = found
    biased = there[1] and dense.bias is not None
    slopes = [numbers(gradient.tensors[f"{path}.{key}"]) for key in ("weight", *(("bias",) if biased else ()))]
    bias = None if dense.bias is None else numbers(dense.bias)
    layer = Layer(numbers(dense.weight), bias, slopes[0], slopes[1] if biased else None)
    if layer.weight_slope.shape != layer.weight.shape:
        return None
    scale = fit(layer, knowledge.loss, knowledge.terms.smoothing)
    if scale is None:
        return None
    if schedule is not None:
        scale = replace(scale, factor=scale.factor / schedule.response)  # of momentum, which adds gradients up
    usable = math.isfinite(scale.factor) and math.isfinite(scale.misfit) and scale.factor
    return (layer, scale) if usable else None


def undone(update: Update, knowledge: Knowledge, factor: float) -> tuple[Update, Knowledge]:
    """The update divided by the factor; of a weight change the learning rate takes its size, and the update its sign."""
    sign = 1.0 if factor > 0 else -1.0
    schedule = knowledge.schedule
    if schedule is None:
        return replace(update, tensors={k: t / factor for k, t in update.tensors.items()}), knowledge
    schedule = replace(schedule, learning_rate=schedule.learning_rate * abs(factor))
    tensors = update.tensors if sign > 0 else {k: -t for k, t in update.tensors.items()}
    return replace(update, tensors=tensors), replace(knowledge, schedule=schedule)


def _batch(update: Update, knowledge: Knowledge) -> Compared:
    """Compare an update of several pictures: a sum in place of a mean, a flipped sign, or a factor that is reported and not undone."""
    seen, about = unscaled(update, knowledge)
    if about.terms != PLAIN:
        return Compared(update, knowledge)
    factor = batch_factor(as_mean_gradient(seen, about.schedule, about.model), about)
    if factor is None:
        return Compared(update, knowledge)
    near = min((1.0, -1.0, float(update.images), -float(update.images)), key=lambda one: abs(factor / one - 1))
    scale = near if abs(factor / near - 1) < 0.2 else factor
    facts: Scaled = {"scale": scale, "scale_misfit": None, "corrected": False}
    if scale == 1.0 or 1 / GROSS <= factor <= GROSS:
        return Compared(update, knowledge, facts)
    schedule = knowledge.schedule
    said = saying.factor(scale, knowledge, scale == near, schedule is None or schedule.single)
    said += saying.cause(update, knowledge, scale, 0.0)
    update, knowledge = undone(update, knowledge, scale)
    return Compared(update, knowledge, {**facts, "corrected": True}, (said,))


def batch_factor(update: Update, knowledge: Knowledge) -> float | None:
    """a of dL/db = a (s_bar - n / N): over the classes without a picture it is dL/db / s_bar, with s_bar what the network
    says of made-up pictures. None where those classes do not agree, as of a trained network.
    """
    if knowledge.loss != "cross_entropy" or knowledge.classes < update.images + 2 or not sent(update, knowledge)[1]:
        return None
    try:
        _, bias = shown(update, knowledge, ("bias",))
        outputs, _ = guesses(update, knowledge, torch.Generator().manual_seed(0))
    except Refused:
        return None
    if bias is None:
        return None
    best: tuple[float, float] | None = None
    for guess in outputs:
        ratios = bias / guess.outputs.clamp_min(1e-12)
        # Of at least K - N classes there is no picture: theirs are the middle ones of either sign.
        for sign in (1.0, -1.0):
            side = (sign * ratios)[sign * ratios > 0]
            if len(side) < knowledge.classes - update.images:
                continue
            middle = float(side.median())
            spread = float((side / middle).log().abs().median())
            if best is None or spread < best[0]:
                best = (spread, sign * middle)
    return best[1] if best is not None and best[0] < ALIKE else None
