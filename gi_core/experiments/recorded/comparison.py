"""An update from elsewhere beside what a client as described would send: the factor between them is found, undone and said.

Of one picture and one step the last dense layer tells it to the update's precision (`update_files.scaling`), and a misfit is named
(`update_files.misfit`). Of a round of several steps the same reading is rough, and only a factor beyond `GROSS` is undone. Of a
batch it is read off the classes that no picture is of, and taken where it is a round one: a sum in place of a mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.attacks.labels.guesses import guesses
from gi_core.attacks.labels.last_layer import sent, shown
from gi_core.numerics.gradient import last_dense
from gi_core.types.loss_terms import PLAIN
from gi_core.types.updates import Knowledge, Update
from gi_core.update_files import comparing, likely, misfit
from gi_core.update_files.scaling import Layer, Scale, fit

CERTAIN, ROUGH = 0.02, 0.5
"""Misfit of the last layer up to which the factor is undone as it is, or, beyond `GROSS`, roughly."""
GROSS = 2.0
SEEN = 1e-4
"""Misfit from which a person is told, of float32; rounding that is known of counts ten times."""
ALIKE = 0.1
"""Relative spread of the classes' factors up to which a batch's is believed."""


@dataclass(frozen=True)
class Compared:
    """update, knowledge: with the factor undone. facts: {scale, scale_misfit, corrected}. notices: sentences."""

    update: Update
    knowledge: Knowledge
    facts: dict[str, Any] = field(default_factory=dict)
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
    facts = {"scale": scale.factor, "scale_misfit": scale.misfit, "corrected": False}
    if kinds and 0 < scale.factor <= 1 + scale.doubt:  # a clipped one is shorter, and attacks allow for it
        return Compared(update, knowledge, facts)
    plain = schedule is None or (schedule.single and schedule.clients == 1)
    notices = _unlike(update, knowledge, layer, scale) if plain else []
    # A client that learns sends less with each step, but the first one's whole share: 1 / T of what T equal steps would be.
    least = 1 / GROSS if plain or schedule is None else 1 / (GROSS * max(1, schedule.played))
    gross = scale.factor < 0 or not least <= scale.factor <= GROSS
    certain = plain and scale.misfit <= CERTAIN
    if not (abs(scale.factor - 1) > scale.doubt if certain else gross and scale.misfit <= ROUGH):
        return Compared(update, knowledge, facts, tuple(notices))
    # A rough reading is off by as much as the network learns on the way: then only a sign, or an order of size, is undone.
    factor = scale.factor if certain or not least <= abs(scale.factor) <= GROSS else math.copysign(1.0, scale.factor)
    said = _sentence(factor, knowledge, certain, plain) + _likely(update, knowledge, factor, scale.doubt)
    update, knowledge = undone(update, knowledge, factor)
    facts["scale"] = factor
    return Compared(update, knowledge, facts | {"corrected": True}, (said, *notices))


def reading(update: Update, knowledge: Knowledge) -> tuple[Layer, Scale] | None:
    """(last layer, its scale) of an update of one picture; None where the layer does not show it."""
    there = sent(update, knowledge)
    if not there[0]:
        return None
    update, knowledge = unscaled(update, knowledge)
    if knowledge.loss == "multi_label" or knowledge.terms.scale != 1 or knowledge.terms.reduction != "mean":
        return None
    schedule = knowledge.schedule
    dense, gradient = last_dense(knowledge.model), as_mean_gradient(update, schedule, knowledge.model)
    names = [name for name in update.tensors if name not in update.withheld]
    biased = there[1] and dense.bias is not None
    slopes = [_numbers(gradient.tensors[name]) for name in (names[-2:] if biased else names[-1:])]
    bias = None if dense.bias is None else _numbers(dense.bias)
    layer = Layer(_numbers(dense.weight), bias, slopes[0], slopes[1] if biased else None)
    if layer.weight_slope.shape != layer.weight.shape:
        return None
    scale = fit(layer, knowledge.loss, knowledge.terms.smoothing)
    if scale is not None and schedule is not None:
        scale = replace(scale, factor=scale.factor / schedule.response)  # of momentum, which adds gradients up
    usable = scale is not None and np.isfinite([scale.factor, scale.misfit]).all() and scale.factor
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


def _sentence(factor: float, knowledge: Knowledge, certain: bool, plain: bool) -> str:
    schedule = knowledge.schedule
    head = f"this update is {'' if certain else 'about '}{factor:.4g} times what such a client would send"
    if schedule is None:
        if factor < 0:
            return (
                f"{head}: its sign is flipped, as in a weight change by a learning rate of {-factor:.4g} (client fedavg), and it"
                " was divided by that factor"
            )
        return f"{head} (a loss scale, a sum in place of a mean, or a class weight): it was divided by that factor"
    rate = abs(factor) * schedule.learning_rate
    if factor < 0 and abs(rate - 1) < 1e-2:
        return f"{head}: the file holds a gradient, not a weight change (client fedsgd), and is taken for one"
    flipped = "its sign is flipped, as of weights before minus after, and was turned" if factor < 0 else ""
    other = "" if plain else ", or another number of steps, momentum, a schedule or clipping"
    if flipped and abs(abs(factor) - 1) <= 1e-3:
        return f"{head}: {flipped}"
    sized = f"as with a learning rate of {rate:.4g} in place of {schedule.learning_rate:.4g}{other}, which is taken"
    return f"{head}: {f'{flipped}, and ' if flipped else ''}{sized}"


def _likely(update: Update, knowledge: Knowledge, factor: float, doubt: float) -> str:
    """What the factor most likely is (`update_files.likely`), as the end of a sentence; empty where nothing stands out."""
    schedule = knowledge.schedule
    if schedule is not None and factor < 0 and abs(abs(factor) * schedule.learning_rate - 1) < 1e-2:
        return ""  # a gradient, as was said
    mean = as_mean_gradient(update, schedule, knowledge.model)
    single = schedule is None or (schedule.single and schedule.clients == 1)
    norm = mean.norm() / (1.0 if schedule is None else schedule.response)
    rate = None if schedule is None else schedule.learning_rate
    found = likely.reasons(likely.Shown(factor, doubt, norm, single, update.images, rate))
    return f"; {'; or '.join(found)}" if found else ""


def _unlike(update: Update, knowledge: Knowledge, layer: Layer, scale: Scale) -> list[str]:
    """How far the last layer is from anything that a client as described can send, and what would explain it."""
    if scale.misfit <= allowed(update, knowledge, layer):
        return []
    causes = misfit.causes(layer, knowledge.loss, scale.misfit)
    why = "; ".join(causes) if causes else f"likely: {misfit.LIKELY}"
    share = f"{100 * scale.misfit:.2g} %"
    return [f"a client as described cannot have sent this: {share} of the last layer's gradient does not fit; {why}"]


def allowed(update: Update, knowledge: Knowledge, layer: Layer) -> float:
    """Misfit that rounding explains, of 16-bit values or of the weights that were subtracted."""
    rounded = 0.0
    if knowledge.schedule is not None:
        before = [layer.weight] + ([layer.bias] if layer.bias is not None else [])
        change = float(np.linalg.norm(layer.weight_slope)) / abs(knowledge.schedule.scale)
        rounded = comparing.rounding(before, change)
    widths = list((update.rounding or {}).values())[-1 if layer.bias_slope is None else -2 :]
    if widths and knowledge.schedule is not None:  # of whole weights: those of the last layer
        cells = math.sqrt(sum(float(w.double().square().sum()) for w in widths) / 12)
        rounded = max(rounded, cells / float(np.linalg.norm(layer.weight_slope)) * abs(knowledge.schedule.scale))
    return max(SEEN, 10 * rounded, 10 * comparing.grain([_numbers(t) for t in update.tensors.values()]))


def _batch(update: Update, knowledge: Knowledge) -> Compared:
    """Compare an update of several pictures: a sum in place of a mean, a flipped sign, or a factor that is reported and not undone."""
    seen, about = unscaled(update, knowledge)
    if about.terms != PLAIN:
        return Compared(update, knowledge)
    factor = batch_factor(as_mean_gradient(seen, about.schedule, about.model), about)
    if factor is None:
        return Compared(update, knowledge)
    near = min((1.0, -1.0, float(update.images), -float(update.images)), key=lambda one: abs(factor / one - 1))
    facts = {"scale": near if abs(factor / near - 1) < 0.2 else factor, "scale_misfit": None, "corrected": False}
    if facts["scale"] == 1.0 or 1 / GROSS <= factor <= GROSS:
        return Compared(update, knowledge, facts)
    schedule = knowledge.schedule
    said = _sentence(facts["scale"], knowledge, facts["scale"] == near, schedule is None or schedule.single)
    said += _likely(update, knowledge, facts["scale"], 0.0)
    update, knowledge = undone(update, knowledge, facts["scale"])
    return Compared(update, knowledge, facts | {"corrected": True}, (said,))


def batch_factor(update: Update, knowledge: Knowledge) -> float | None:
    """a of dL/db = a (s_bar - n / N): over the classes without a picture it is dL/db / s_bar, with s_bar what the network
    says of made-up pictures. None where those classes do not agree, as of a trained network.
    """
    if knowledge.loss != "cross_entropy" or knowledge.classes < update.images + 2 or not sent(update, knowledge)[1]:
        return None
    try:
        _, bias = shown(update, knowledge, ("bias",))
        told, _ = guesses(update, knowledge, torch.Generator().manual_seed(0))
    except Refused:
        return None
    if bias is None:
        return None
    best: tuple[float, float] | None = None
    for guess in told:
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


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()
