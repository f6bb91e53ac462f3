"""Where a layer is short of equations: what the layer before it, or a picture's smoothness, adds."""

from __future__ import annotations

from dataclasses import replace

from gi_core.attacks.recursion import smooth, virtual
from gi_core.attacks.recursion.walk import Descent, Front, Passable, Walk
from gi_core.settings.chain import Affine
from gi_core.settings.graph import Conv


def through_the_layer_before(walk: Walk, found: Descent, before: Passable) -> Descent:
    """Complete a layer's input by virtual constraints, where the layer before it gives enough of them."""
    free = found.solution.free
    if free is None or not (isinstance(before, Affine) and isinstance(before.op, Conv) and before.reading == "inverse"):
        return found
    if max(free.shape[0], walk.matrix(before).shape[1]) > virtual.MOST:
        return found
    null = virtual.left_null(walk.matrix(before))
    if null is None:
        return found
    bias = walk.numbers(before).bias.repeat(before.shape[1] * before.shape[2])
    closed = virtual.close(found.front.value.ravel(), free, before.activation, bias, null)
    if closed is None:
        return found
    words = f"{closed.constraints} virtual constraints of the layer below, met to {closed.residual:.0e}"
    return replace(
        found, front=Front(closed.x.reshape(found.front.value.shape), found.front.back),
        note=words, certified=closed.certified,
    )  # fmt: skip


def smoothest(found: Descent, std: tuple[float, ...], rounds: int) -> Descent:
    """The picture of least total variation among those that fit."""
    free = found.solution.free
    if free is None or not rounds:
        return found
    shape = found.front.value.shape
    x = smooth.least_variation(found.front.value.ravel(), free, shape, std, rounds)
    words = f"total variation chose among the pictures that fit ({free.shape[1]} directions were open)"
    return replace(found, front=Front(x.reshape(shape), found.front.back), note=words)
