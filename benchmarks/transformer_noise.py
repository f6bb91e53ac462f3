"""What noise and rounding leave of a photograph behind a vision transformer: the bundled astronaut at 224 pixels, ViT-B/32, fresh
weights, 1000 classes, normalised by 0.5/0.25, one gradient in float32. `python -m benchmarks.transformer_noise` prints one line each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

ASKED = {
    "samples": ["bundled/astronaut"], "size": 224, "normalise": "0.5/0.25", "attack": {"kind": "transformer"},
    "model": {"kind": "vit", "patch": 32, "hidden": 768, "heads": 12, "depth": 12, "classes": 1000},
}  # fmt: skip
SHARES = (1e-4, 1e-3, 1e-2, 1e-1)
POSITIONS = "encoder.pos_embedding"


def rows() -> Iterator[dict]:
    """Noise of a share of each tensor's root mean square; of the positions' with the class token's row, and without it."""
    import torch

    from gi_core import attacks, clients, data
    from gi_core.experiments import preparing
    from gi_core.settings import build
    from gi_core.settings.plan import Plan

    asked = build(ASKED)
    pictures = data.load(asked)
    done = clients.play(asked, preparing.prepare(asked, pictures)[0], pictures, "cpu")
    truth, sent = torch.from_numpy(pictures.images).double(), done.update.tensors

    def psnr(tensors: dict) -> float:
        attack = attacks.make(
            asked.attack, replace(done.update, tensors=tensors), done.knowledge, plan=Plan(), device="cpu"
        )
        state, step = attack.init(0), None
        while step is None or not step.done:
            state, step = attack.step(state)
        return -10 * math.log10(max(float(((attack.answer(state)[0] - truth) ** 2).mean()), 1e-30))

    def noised(share: float, rows_of: slice) -> dict:
        draws = torch.Generator().manual_seed(0)
        found = {}
        for name, value in sent.items():
            size = (value[:, rows_of] if name == POSITIONS else value).double().square().mean().sqrt()
            found[name] = value + share * size * torch.randn(value.shape, generator=draws, dtype=torch.float64)
        return found

    yield {"update": "as it is", "psnr": psnr(sent)}
    for share in SHARES:
        yield {
            "noise": share, "of_patches": psnr(noised(share, slice(1, None))), "of_all_rows": psnr(noised(share, slice(None)))
        }  # fmt: skip
    for kind in (torch.float16, torch.bfloat16):
        yield {"rounded": str(kind), "psnr": psnr({k: v.to(kind).float() for k, v in sent.items()})}


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    for row in rows():
        print(row, flush=True)
