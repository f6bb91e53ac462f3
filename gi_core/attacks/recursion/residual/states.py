"""Where the recursion stands as plain dicts of tensors, which a checkpoint can hold, and what is reported of a block."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gi_core.attacks.base import LayerReport
from gi_core.attacks.recursion.residual.descent import Passed, Place
from gi_core.attacks.recursion.residual.going import Halted
from gi_core.attacks.recursion.residual.masks import Mask
from gi_core.settings.chain import Residual
from gi_core.settings.residual_chain import title

FLOAT32 = 6e-8
Kept = dict[str, Any]


def of_place(place: Place) -> Kept:
    mask = place.mask
    arrays = (place.value, place.back, mask.active, mask.doubtful, mask.size)
    tensors = dict(zip(("value", "back", "active", "doubtful", "size"), map(_tensor, arrays), strict=True))
    return {**tensors, "failing": int(mask.failing), "summed": bool(mask.summed)}


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(values))


def place(kept: Kept) -> Place:
    arrays = {name: kept[name].numpy() for name in ("value", "back", "active", "doubtful", "size")}
    mask = Mask(arrays["active"], arrays["doubtful"], arrays["size"], kept["failing"], kept["summed"])
    return Place(arrays["value"], mask, arrays["back"])


def of_halted(halted: Halted) -> Kept:
    return {
        "at": halted.at,
        "inner": None if halted.inner is None else of_place(halted.inner),
        "reason": halted.reason,
    }


def halted(kept: Kept | None) -> Halted | None:
    if kept is None:
        return None
    return Halted(kept["at"], None if kept["inner"] is None else place(kept["inner"]), kept["reason"])


def report(block: Residual, passed: Passed, stopped: Halted | None) -> LayerReport:
    """What was found of a block: both activations, as one card."""
    inner, outer = passed.inner, passed.outer
    channels = len(inner.x), len(outer.x)
    unknowns = inner.x.size + outer.x.size
    rank = channels[0] * inner.rank + channels[1] * outer.rank
    condition = max(inner.condition, outer.condition)
    doubtful = int(passed.inner_mask.doubtful.sum() + passed.place.mask.doubtful.sum())
    words = [f"{doubtful} doubtful units" if doubtful else "", f"stopped: {stopped.reason}" if stopped else ""]
    return LayerReport(
        name=title(block), route="under-determined" if rank < unknowns else "gradient",
        unknowns=unknowns, rank=rank, deficiency=unknowns - rank, condition=condition,
        residual=max(inner.residual, outer.residual),
        error=max(inner.residual, outer.residual, FLOAT32 * condition) if stopped is None else float("inf"),
        preview=torch.from_numpy(np.array(outer.x)).float(), note="; ".join(filter(None, words)),
    )  # fmt: skip
