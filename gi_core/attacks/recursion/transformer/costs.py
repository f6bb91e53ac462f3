"""How many steps a closed form of transformers takes, and how many operations, by the sizes alone: nothing is built."""

from __future__ import annotations

from typing import NamedTuple

from gi_core.attacks.recursion.transformer import commutant, smoothing
from gi_core.settings.attention_bounds import AttentionShape
from gi_core.settings.closed_form_attacks import Transformer
from gi_core.settings.transformer_checks import inseparable

TYPICAL = 4
"""Steps that the second engine of `commutant` usually takes."""
MOVED = 150
"""Operations that could be done while a number of the normal matrix is made, by a head: memory decides."""


class Cost(NamedTuple):
    """steps of the attack, and floating point operations of all of them, roughly."""

    steps: int
    operations: float


def alone(shape: AttentionShape, settings: Transformer, placing: bool) -> Cost:
    """One picture. placing: by the first attention, where positions were not sent."""
    t, width, values = shape.patches, shape.width, shape.values
    free = max(t - width, 0)
    steps = 2 + settings.rounds * (not placing and bool(free))
    solved = 10.0 * (width * values * min(width, values) + width**2 * t)
    return Cost(steps, solved + 4.0 * t * free * values * smoothing.STEPS * (steps - 2))


def together(shape: AttentionShape, pictures: int) -> Cost:
    """Pictures told apart."""
    m, width, heads = float(pictures * shape.patches), float(shape.width), shape.heads
    prepared = 30.0 * width**3
    if m <= commutant.DENSE:
        return Cost(5, prepared + MOVED * heads * m**4 + m**6 / 3 + 12 * m**4 * pictures)
    depth = shape.width // heads
    rounds = TYPICAL * commutant.ROUNDS * commutant.EACH
    return Cost(4 + TYPICAL, prepared + 8.0 * rounds * heads * (depth * m**2 + depth**2 * m))


def preview(shape: AttentionShape, settings: Transformer, pictures: int) -> Cost:
    """One picture that stands for all."""
    steps = 1 + max(settings.rounds, 1)
    mixed = 20.0 * shape.width * shape.values * min(shape.width, shape.values)
    open_ = pictures * shape.patches
    return Cost(steps, mixed + 4.0 * shape.patches * open_ * shape.values * smoothing.STEPS * (steps - 1))


def of(shape: AttentionShape, settings: Transformer, pictures: int, moved: bool) -> Cost:
    """Of the way that the machine takes. moved: whether local steps moved the tokens."""
    if pictures == 1:
        return alone(shape, settings, shape.positions != "learned")
    if moved or inseparable(shape, pictures):
        return preview(shape, settings, pictures)
    return together(shape, pictures)
