"""What a person reads of a recorded update beside the client as described: the factor, its likely cause, and what no factor explains."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.types.updates import Knowledge, Update
from gi_core.update_files import comparing, likely, misfit
from gi_core.update_files.scaling import Layer, Scale

SEEN = 1e-4
"""Misfit that is worth a notice, of float32; rounding that is known of counts ten times."""


def factor(times: float, knowledge: Knowledge, certain: bool, plain: bool) -> str:
    """How many times what the client as described would send it is, and what was done about it.

    certain: whether the factor is read exactly. plain: whether the round is one step of one client.
    """
    schedule = knowledge.schedule
    head = f"this update is {'' if certain else 'about '}{times:.4g} times what such a client would send"
    if schedule is None:
        if times < 0:
            return (
                f"{head}: its sign is flipped, as in a weight change by a learning rate of {-times:.4g} (client fedavg), and it"
                " was divided by that factor"
            )
        return f"{head} (a loss scale, a sum in place of a mean, or a class weight): it was divided by that factor"
    rate = abs(times) * schedule.learning_rate
    if times < 0 and abs(rate - 1) < 1e-2:
        return f"{head}: the file holds a gradient, not a weight change (client fedsgd), and is taken for one"
    flipped = "its sign is flipped, as of weights before minus after, and was turned" if times < 0 else ""
    other = "" if plain else ", or another number of steps, momentum, a schedule or clipping"
    if flipped and abs(abs(times) - 1) <= 1e-3:
        return f"{head}: {flipped}"
    sized = f"as with a learning rate of {rate:.4g} in place of {schedule.learning_rate:.4g}{other}, which is taken"
    return f"{head}: {f'{flipped}, and ' if flipped else ''}{sized}"


def cause(update: Update, knowledge: Knowledge, factor: float, doubt: float) -> str:
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


def unlike(update: Update, knowledge: Knowledge, layer: Layer, scale: Scale) -> list[str]:
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
    return max(SEEN, 10 * rounded, 10 * comparing.grain([numbers(t) for t in update.tensors.values()]))


def numbers(values: Tensor) -> np.ndarray:
    """The values as float64."""
    found: np.ndarray = values.detach().cpu().double().numpy()
    return found
