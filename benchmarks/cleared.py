"""A vision transformer's picture from an update of which values were cleared, by an attacker who knows the mask.

`python -m benchmarks.cleared` prints a line for each defense and picture of the small network of `batches`, one picture of 64 pixels;
`python -m benchmarks.cleared base` one picture of 224 pixels through a ViT-B/32.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from benchmarks.batches import BASE, PICTURES, SMALL

DEFENSES = (
    *({"kind": "pruning", "fraction": share} for share in (0.2, 0.4, 0.7)),
    *({"kind": "random_pruning", "kept": share} for share in (0.5, 0.3)),
)


def cleared(large: bool) -> Iterator[dict]:
    """PSNR before clamping of both attackers, what the knowing one says, and its CPU seconds on one thread."""
    for defense in DEFENSES:
        for picture in PICTURES["bundled"][: 1 if large else None]:
            blind, _, _ = _solved(defense, picture, large, False)
            knowing, note, seconds = _solved(defense, picture, large, True)
            yield {
                "defense": defense, "picture": picture, "blind": blind, "knowing": knowing, "seconds": seconds, "note": note
            }  # fmt: skip


def _solved(defense: dict, picture: str, large: bool, knowing: bool) -> tuple[float, str, float]:
    import math

    import torch

    from gi_core import attacks, clients, data
    from gi_core.experiments import preparing
    from gi_core.settings import build
    from gi_core.settings.plan import Plan

    torch.set_num_threads(1)
    asked = build({
        "samples": [f"bundled/{picture}"], "size": 224 if large else 64, "channels": 3, "model": BASE if large else SMALL,
        "normalise": "0.5/0.25", "defenses": [defense], "attack": {"kind": "transformer", "adaptive": knowing},
    })  # fmt: skip
    pictures = data.load(asked)
    network, _ = preparing.prepare(asked, pictures)
    played = clients.play(asked, network, pictures, "cpu")
    attack = attacks.make(asked.attack, played.update, played.knowledge, plan=Plan(), device="cpu")
    began = time.process_time()
    state, step = attack.init(0), None
    while step is None or not step.done:
        state, step = attack.step(state)
    error = float((attack.answer(state)[0] - torch.from_numpy(pictures.images)).square().mean())
    return -10 * math.log10(max(error, 1e-40)), step.note, time.process_time() - began


if __name__ == "__main__":
    for found in cleared("base" in sys.argv):
        print({k: round(v, 1) if isinstance(v, float) else v for k, v in found.items()}, flush=True)
