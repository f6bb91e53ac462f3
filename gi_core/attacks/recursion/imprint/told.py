"""Which rows hold one picture, each picture once.

A bin shows a picture once. A picture that several traps let through alone stands in each of their rows: the one that weighs most is kept,
and rows that agree are a proof by themselves, as two mixtures hardly ever have the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gi_core.attacks.recursion.imprint.proof import Proof
from gi_core.attacks.recursion.imprint.reading import Reading

ALIKE = 0.02
"""Largest difference of a pixel up to which two rows show one picture, beside their errors."""
AGREED = 2
"""Rows that agree, from which a picture of traps counts as alone without a proof by label."""


@dataclass(frozen=True)
class Told:
    """reading: of the rows that are shown, those that hold one picture first. alone: how many these are. labels: theirs (alone,), -1
    where they are not known.
    """

    reading: Reading
    alone: int
    labels: Tensor


def told(reading: Reading, proof: Proof | None, images: int, bins: bool) -> Told:
    """images: behind the update, more than which are never told. bins: whether each row is a bin, else traps."""
    one = reading.plausible if proof is None else reading.plausible & proof.single
    weight = reading.size.abs()
    order = [k for k in weight.argsort(descending=True).tolist() if bool(one[k])]
    if not bins:
        order = _apart(reading, order, 1 if proof is not None else AGREED)
    first = sorted(order[:images], key=lambda k: int(reading.at[k]))
    rest = [k for k in range(len(weight)) if not bool(one[k])]
    if not bins:
        rest = sorted(rest, key=lambda k: -float(weight[k]))[: images - len(first)]
    kept = torch.tensor(first + rest, dtype=torch.int64)
    labels = torch.full((len(first),), -1) if proof is None else proof.labels[kept[: len(first)]]
    names = ("at", "pictures", "x", "size", "unsure", "error", "plausible")
    return Told(replace(reading, **{name: getattr(reading, name)[kept] for name in names}), len(first), labels)


def _apart(reading: Reading, order: list[int], agreed: int) -> list[int]:
    """The first row of each picture that at least so many rows show."""
    found: list[list[int]] = []
    for k in order:
        room = ALIKE + 4 * float(reading.error[k])
        same = next(
            (g for g in found if float((reading.pictures[g[0]] - reading.pictures[k]).abs().max()) < room), None
        )
        if same is None:
            found.append([k])
        else:
            same.append(k)
    return [group[0] for group in found if len(group) >= agreed]
