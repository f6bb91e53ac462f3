"""What is known of the values behind one defense, from what the server knows of it (`Knowledge.defenses`).

Keys that are read, of any kind of defense: `mask`, `steps`, `relative_step` with `format`, `levels`, `sigma`, `clip` with
`per_picture`, and `strength` of a protective direction.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gi_core.attacks.client_round.local_steps import one_step
from gi_core.types.updates import Knowledge, Update

INFINITY = float("inf")
CLIPPED, DOUBT = 1 - 1e-5, 3.0
"""Share of the bound below which an update was not clipped, and standard errors by which its length may be misjudged."""
WRONG_SIGN = 0.02
"""Noise of a one-bit value, as a share of its tensor's mean size. Measured: at 0.3 the prior outweighs the update, and the
picture comes back grey.
"""
CONCENTRATED = 6.0
"""A perturbation along the one direction that moves the picture most counts as noise of so many times its mean size.
Measured at 0.1 to 10 % of the gradient's norm: the prior then restores most of what the defense took.
"""


def deviation(known: dict[str, Any], update: Update) -> float:
    """Standard deviation of the noise on each value, in the units of what was sent."""
    if known["kind"] == "protective_direction":
        values = sum(t.numel() for t in update.tensors.values())
        return CONCENTRATED * float(known["strength"]) * update.norm() / values**0.5
    return float(known.get("sigma", 0.0))


def unround(
    known: dict[str, Any], names: list[str], values: list[Tensor], low: list[Tensor], high: list[Tensor],
    spread: list[Tensor], unit: float,
) -> None:  # fmt: skip
    """Undo a rounding, in place: `steps` of each tensor, `relative_step` of each value, or two `levels`."""
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        if known.get("levels") == 2:
            low[i] = torch.where(value > 0, 0.0, torch.where(value < 0, -INFINITY, low[i]))
            high[i] = torch.where(value < 0, 0.0, torch.where(value > 0, INFINITY, high[i]))
            spread[i] = (spread[i].square() + (value * WRONG_SIGN).square()).sqrt()
            continue
        if "relative_step" in known:  # eps times the power of two below the value
            grid = torch.finfo(getattr(torch, known["format"]))
            width = torch.exp2(torch.floor(torch.log2(value.abs() / unit))) * (known["relative_step"] * unit)
            width = width.clamp_min(grid.smallest_normal * grid.eps * unit)
        elif "steps" in known:
            width = torch.full_like(value, float(known["steps"][name]) * unit)
        else:
            return
        spread[i] = (spread[i].square() + width.square() / 12).sqrt()


def uncover(known: dict[str, Any], names: list[str], low: list[Tensor], high: list[Tensor], legible: bool) -> None:
    """Undo a clearing, in place: a value that was not kept gets wide bounds. legible: whether the least value kept can be read off."""
    mask = {
        name: kept.to(low[i].device)
        for i, name in enumerate(names)
        if (kept := (known.get("mask") or {}).get(name)) is not None
    }
    sizes = {n: torch.maximum(low[i].abs(), high[i].abs()) for i, n in enumerate(names) if n in mask}
    least = {n: float(sizes[n][kept].min()) for n, kept in mask.items() if kept.any()}
    for i, name in enumerate(names):
        if name in mask:
            bounded = legible and known["kind"] == "pruning" and least
            tau = least.get(name, min(least.values())) if bounded else INFINITY
            low[i], high[i] = torch.where(mask[name], low[i], -tau), torch.where(mask[name], high[i], tau)


def clipped(known: dict[str, Any], update: Update, spread: list[Tensor], knowledge: Knowledge, unit: float) -> bool:
    """Whether the update may have been clipped: whether its length, less the noise, can be the bound."""
    if "clip" not in known:
        return False
    one = update.images == 1 and one_step(knowledge.schedule)
    if len(knowledge.defenses) > 1 or (known.get("per_picture") and not one):
        return True  # others changed the length, or pictures or steps were clipped each by its own factor
    variance = sum(float(s.double().square().sum()) for s in spread)
    fourth = sum(float(s.double().square().square().sum()) for s in spread)
    largest = max(float(s.max()) for s in spread)
    length = max(update.norm() ** 2 - variance, 0.0) ** 0.5
    doubt = (largest**2 + fourth / (2 * length**2)) ** 0.5 if length > largest else variance**0.5
    return length + DOUBT * doubt >= CLIPPED * float(known["clip"]) * (1.0 if known.get("per_picture") else unit)
