"""Vision transformers narrower than their patches are many: what smoothness fills in where directions stay open.

`python -m benchmarks.narrow [HIDDEN [NORMALISE]]` prints a line for the bundled astronaut, for each of twenty random crops of 224 pixels
of three photographs, and for all crops. 12 blocks, patches of 16 pixels, fresh weights, one gradient in float32.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Iterator

from benchmarks.answered import Answered, answered
from gi_core.settings import build

PHOTOGRAPHS = {"astronaut": (512, 512), "coffee": (600, 400), "chelsea": (451, 300)}
"""Width and height of the bundled files."""
SIDE, CROPS = 224, 20


def crops() -> Iterator[str]:
    draw = random.Random(0)
    for k in range(CROPS):
        name, (width, height) = list(PHOTOGRAPHS.items())[k % len(PHOTOGRAPHS)]
        yield f"bundled/{name}#crop={SIDE}x{SIDE}+{draw.randrange(width - SIDE + 1)}+{draw.randrange(height - SIDE + 1)}"


def one(sample: str, hidden: int, normalise: str) -> Answered:
    return answered(build({
        "samples": [sample], "size": SIDE, "channels": 3, "normalise": normalise, "attack": {"kind": "transformer"},
        "model": {"kind": "vit", "hidden": hidden, "heads": hidden // 64 or 1, "depth": 12, "patch": 16},
    }))  # fmt: skip


def _main(hidden: str = "192", normalise: str = "0.5/0.25") -> None:
    found = []
    for sample in ("bundled/astronaut", *crops()):
        it = one(sample, int(hidden), normalise)
        print(sample, hidden, normalise, f"{it.psnr:.1f} dB, {it.seconds:.1f} s", flush=True)
        found.append(it.psnr)
    found = found[1:]
    print({
        "crops": len(found), "psnr": statistics.median(found), "worst": min(found), "best": max(found),
        "above_60_db": sum(p > 60 for p in found),
    })  # fmt: skip


if __name__ == "__main__":
    _main(*sys.argv[1:])
