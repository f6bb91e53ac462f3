"""How much a defense changed the update: norms before and after, for a person who tunes it."""

from __future__ import annotations

import math

from gi_core.types.result_parts import Change
from gi_core.types.updates import Update


def effect(before: Update, after: Update) -> Change:
    """Plain floats, beside the update `before` the defense.

    relative_change = ||g' - g|| / ||g||; cosine = <g, g'> / (||g|| ||g'||), None when either is
    zero; zeros: share of values of g' that are exactly zero. Raises KeyError when names differ.
    """
    dot = change = 0.0
    zeros = values = 0
    for name, old in before.tensors.items():
        new = after.tensors[name].double()
        dot += float((old.double() * new).sum())
        change += float(((new - old.double()) ** 2).sum())
        zeros += int((new == 0).sum())
        values += new.numel()
    norm_before, norm_after = before.norm(), after.norm()
    both = norm_before * norm_after
    return {
        "norm_before": norm_before,
        "norm_after": norm_after,
        "relative_change": math.sqrt(change) / norm_before if norm_before else None,
        "cosine": dot / both if both else None,
        "zeros": zeros / values if values else 0.0,
    }
