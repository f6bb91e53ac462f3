"""What each card of the attack shows, and what it says at its end."""

from __future__ import annotations

import torch

from gi_core.attacks.base import LayerReport
from gi_core.attacks.recursion.imprint.proof import Proof
from gi_core.attacks.recursion.imprint.reading import Prepared, Reading
from gi_core.attacks.recursion.imprint.told import Told
from gi_core.types.updates import Update

SIDE = 96
ROUGH = 0.02
"""Expected error of a pixel from which it is said."""


def rows(reading: Reading, source: Prepared) -> LayerReport:
    """How much each row holds, as bars from the first to the last."""
    held = len(reading.at)
    drawn, largest = torch.zeros(1, SIDE, SIDE), float(reading.size.abs().max()) if held else 1.0
    for at, size in zip(reading.at.tolist(), reading.size.abs().tolist(), strict=True):
        left = at * SIDE // reading.bins
        tall = max(1, round(SIDE * (1 + max(-1.0, float(torch.tensor(size / largest).log10()) / 6))))
        drawn[0, SIDE - tall :, left : max(left + 1, (at + 1) * SIDE // reading.bins)] = 1.0
    return LayerReport(
        name=source.path, route="gradient", unknowns=held, rank=held, deficiency=0,
        condition=1.0, residual=reading.noise, error=float(reading.error.median()) if held else 1.0, preview=drawn,
        note=f"{held} of {reading.bins} {_called(source)} hold something: a bar for each, by how much it weighs",
    )  # fmt: skip


def pictures(told: Told, bins: bool) -> LayerReport:
    """The pictures that were alone, side by side; the means of the other rows after them."""
    reading, count = told.reading, told.alone
    found = reading.pictures.clamp(0, 1)
    columns = max(1, round(len(found) ** 0.5))
    rows = max(1, -(-len(found) // columns))
    sheet = torch.full((rows * columns, *found.shape[1:]), 0.5, dtype=found.dtype)
    sheet[: len(found)] = found
    sheet = sheet.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
    what = "bins" if bins else "rows"
    return LayerReport(
        name="pictures", route="gradient", unknowns=len(found), rank=count, deficiency=len(found) - count, condition=1.0, residual=0.0,
        error=float(reading.error[:count].median()) if count else 1.0, preview=sheet.float(),
        note=f"{count} {what} hold one picture each; {len(found) - count} hold several, and show their mean",
    )  # fmt: skip


def note(told: Told, proof: Proof | None, update: Update, source: Prepared, one_step: bool) -> str:
    """What is said at the end."""
    reading, count, images = told.reading, told.alone, update.images
    others, called = len(reading.at) - count, _called(source)
    if not len(reading.at):
        return f"noise covers all {reading.bins} {called}: none stands out, so no picture comes back"
    said = [f"{count} of {images} picture{'s' * (images > 1)} came back alone from {reading.bins} {called}"]
    if proof is None:
        said = [f"{count} of {reading.bins} {called} look like one picture each, of {images}"]
    if source.bins is not None:
        said[0] += f" ({100 * (1 - 1 / reading.bins) ** (images - 1):.0f} % were expected)"
    if others:
        said.append(f"{others} other{'s' * (others > 1)} hold several, and show their weighted mean")
    if proof is None:
        said.append(
            "that is not proved, as what a picture sends by itself is not known here"
            if one_step
            else "that is not proved, as rows and pictures moved in later steps"
        )
    error = float(reading.error[:count].median()) if count else 0.0
    if error > ROUGH:
        said.append(f"noise leaves an error of about {error:.1g} in a pixel")
    return "; ".join(said)


def _called(source: Prepared) -> str:
    return "bins" if source.bins is not None else "traps"
