"""How many steps a closed form of transformers takes, and how many operations, by the sizes alone: nothing is built."""

from __future__ import annotations

from typing import NamedTuple

from gi_core.attacks.recursion.transformer import commutant, completing, smoothing
from gi_core.settings.attention_bounds import AttentionShape, separating
from gi_core.settings.closed_form_attacks import Transformer
from gi_core.settings.transformer_checks import inseparable

FILLED = 6
"""Steps that filling in cleared values usually takes."""
USUAL = 0.6
"""Share of the values that pruning keeps by default."""
TYPICAL = 4
"""Steps that the second engine of `commutant` usually takes."""
MOVED = 150
"""Operations that could be done while a number of the normal matrix is made, by a head: memory decides."""
LARGE = 4_000_000
"""Parameters from which pictures are not searched for, nor finished, and the answer's own gradient is worked out in single precision."""
PRODUCTS, PASSES = 60, 6
"""Products with a Jacobian in a step of the search, as usual, and passes through the network that one takes."""


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


def filled(shape: AttentionShape, settings: Transformer, share: float = USUAL) -> Cost:
    """One picture of whose values a share was kept, the others filled in."""
    t, width = shape.patches, shape.width
    columns = completing.enough(share, width, shape.values, t) + t
    each = 4.0 * width * columns * t**2
    solved = 2.0 * width * shape.values * t**2 + 20.0 * shape.values * t**3
    return Cost(2 + FILLED + settings.rounds, completing.ROUNDS * FILLED * each + solved)


def together(shape: AttentionShape, pictures: int, finish: int = 0) -> Cost:
    """Pictures told apart. finish: most steps of what follows."""
    m, width, heads = float(pictures * shape.patches), float(shape.width), shape.heads
    after = finish * PRODUCTS * PASSES * _pass(shape, pictures)
    prepared = 30.0 * width**3
    if commutant.dense(pictures * shape.patches, separating(shape)):
        return Cost(5 + finish, prepared + after + MOVED * heads * m**4 + m**6 / 3 + 12 * m**4 * pictures)
    depth = shape.width // heads
    rounds = TYPICAL * commutant.ROUNDS * commutant.EACH
    return Cost(4 + TYPICAL + finish, prepared + after + 8.0 * rounds * heads * (depth * m**2 + depth**2 * m))


def _pass(shape: AttentionShape, pictures: int) -> float:
    """Operations of one pass and its derivative."""
    return 24.0 * shape.blocks * shape.width**2 * shape.patches * pictures


def preview(shape: AttentionShape, settings: Transformer, pictures: int) -> Cost:
    """One picture that stands for all."""
    steps = 1 + max(settings.rounds, 1)
    mixed = 20.0 * shape.width * shape.values * min(shape.width, shape.values)
    open_ = pictures * shape.patches
    return Cost(steps, mixed + 4.0 * shape.patches * open_ * shape.values * smoothing.STEPS * (steps - 1))


def searching(shape: AttentionShape, settings: Transformer, pictures: int, played: int) -> Cost:
    """Pictures searched for, beginning with a preview. played: local steps, each a pass and two derivatives of it."""
    begun = preview(shape, settings, pictures)
    once = _pass(shape, pictures) * played
    return Cost(begun.steps + settings.search, begun.operations + settings.search * PRODUCTS * PASSES * once)


def of(shape: AttentionShape, settings: Transformer, pictures: int, played: int, cleared: bool = False) -> Cost:
    """Of the way that the machine takes. played: local steps; more than one moves the tokens. cleared: whether values were
    cleared, and the mask is known.
    """
    if pictures == 1 and cleared and shape.positions == "learned" and shape.width >= completing.SLACK * shape.patches:
        return filled(shape, settings)
    if pictures == 1:
        return alone(shape, settings, shape.positions != "learned")
    if played > 1 or inseparable(shape, pictures):
        if settings.search:
            return searching(shape, settings, pictures, played)
        return preview(shape, settings, pictures)
    small = 12 * shape.blocks * shape.width**2 <= LARGE
    return together(shape, pictures, settings.search * small)
