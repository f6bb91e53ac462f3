"""A vision transformer's picture from an update of which values were cleared, by an attacker who knows the mask.

`python -m benchmarks.cleared` prints a line for each defense and picture of the small network of `batches`, one picture of 64 pixels;
`python -m benchmarks.cleared base` one picture of 224 pixels through a ViT-B/32.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.answered import Answered, answered
from benchmarks.batches import BASE, PICTURES, SMALL
from gi_core.settings import build

DEFENSES = (
    *({"kind": "pruning", "fraction": share} for share in (0.2, 0.4, 0.7)),
    *({"kind": "random_pruning", "kept": share} for share in (0.5, 0.3)),
)


def cleared(large: bool) -> Iterator[dict]:
    """PSNR before clamping of both attackers, what the knowing one says, and its CPU seconds on one thread."""
    for defense in DEFENSES:
        for picture in PICTURES["bundled"][: 1 if large else None]:
            blind, knowing = (_solved(defense, picture, large, known) for known in (False, True))
            yield {
                "defense": defense, "picture": picture, "blind": blind.psnr, "knowing": knowing.psnr, "seconds": knowing.seconds,
                "note": knowing.note,
            }  # fmt: skip


def _solved(defense: dict, picture: str, large: bool, knowing: bool) -> Answered:
    return answered(build({
        "samples": [f"bundled/{picture}"], "size": 224 if large else 64, "channels": 3, "model": BASE if large else SMALL,
        "normalise": "0.5/0.25", "defenses": [defense], "attack": {"kind": "transformer", "adaptive": knowing},
    }))  # fmt: skip


if __name__ == "__main__":
    for found in cleared("base" in sys.argv):
        print({k: round(v, 1) if isinstance(v, float) else v for k, v in found.items()}, flush=True)
