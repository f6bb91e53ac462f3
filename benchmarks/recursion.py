"""R-GAP against a dense solve of the same equations, on a reduced CNN6: time, peak memory, error.

Each repeat is a process of its own, so that its peak is its own; the two take turns, medians are kept.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

SIZES = (12, 16)
CHANNELS = ((12, 4, 2, 2), (36, 3, 2, 1), (36, 3, 1, 1), (36, 3, 1, 1), (48, 3, 2, 1), (64, 3, 1, 1))
REPEATS = 3


def recursion() -> Iterator[dict]:
    """One row per size of the picture, then CNN6 itself (structured only: the dense one takes 7 GB)."""
    for size in SIZES:
        found = {"structured": [], "dense": []}
        for _ in range(REPEATS):
            for how, rows in found.items():
                rows.append(_child(how, size))
        dense, own = found["dense"], found["structured"]
        middle = {k: statistics.median(r[k] for r in own) for k in own[0]}
        other = {k: statistics.median(r[k] for r in dense) for k in dense[0]}
        yield {
            "network": f"reduced CNN6, {size} px", "seconds": middle["seconds"], "dense_seconds": other["seconds"],
            "times_faster": other["seconds"] / middle["seconds"], "memory_mb": middle["memory_mb"],
            "dense_memory_mb": other["memory_mb"], "times_less_memory": other["memory_mb"] / max(middle["memory_mb"], 1),
            "psnr": middle["psnr"], "dense_psnr": other["psnr"],
        }  # fmt: skip
    rows = [_child("cnn6", 32) for _ in range(REPEATS)]
    yield {"network": "CNN6, 32 px", **{k: statistics.median(r[k] for r in rows) for k in rows[0]}}


def _child(how: str, size: int) -> dict:
    out = subprocess.run(
        [sys.executable, "-m", "benchmarks.recursion", how, str(size)], capture_output=True, text=True, check=True
    )
    return json.loads(out.stdout.splitlines()[-1])


def _measure(how: str, size: int) -> dict:
    """Seconds and additional peak memory of the layers, from the loss to the picture."""
    import numpy as np

    from gi_core import clients, data
    from gi_core.attacks.recursion.top import candidates
    from gi_core.attacks.recursion.walk import Front, Walk
    from gi_core.common.threads import one_thread
    from gi_core.experiments import preparing
    from gi_core.settings import build
    from gi_core.settings.chain import chain
    from gi_core.settings.graph import Conv

    one_thread()
    names = ("channels", "kernel", "stride", "padding")
    rows = [{"kind": "conv", "slope": 0.2, **dict(zip(names, r, strict=True))} for r in CHANNELS]
    model = {"kind": "cnn6"} if how == "cnn6" else {"kind": "custom", "layers": rows, "logits": "one", "bias": False}
    asked = build({"samples": ["bundled/astronaut"], "size": size, "model": model, "attack": {"kind": "rgap"}})
    pictures = data.load(asked)
    network, _ = preparing.prepare(asked, pictures)
    played = clients.play(asked, network, pictures, "cpu")
    walk = Walk(network, played.update)
    if how == "dense":
        walk._through = _dense(walk)
    blocks = chain(network.graph)
    np.linalg.lstsq(np.eye(64), np.ones(64), rcond=None)  # the library is loaded before the clock starts
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    last = walk.numbers(blocks[-1])
    found = candidates(last, played.knowledge.loss, None, int(played.labels[0]), "small")[0]
    front = Front(found.x.reshape(blocks[-1].unflattened), walk.back(blocks[-1], found.k))
    for block in blocks[-2::-1]:
        assert isinstance(block.op, Conv)
        front = walk.descend(block, front).front
    seconds = time.process_time() - began
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    mse = float(((front.value - pictures.images[0]) ** 2).mean())
    return {"seconds": seconds, "memory_mb": memory, "psnr": float(-10 * np.log10(mse))}


def _dense(walk):
    """In place of `Walk._through`: the same layer by the dense stack."""
    from benchmarks.dense import dense_layer
    from gi_core.attacks.recursion.solver import Solution
    from gi_core.attacks.recursion.walk import Descent, Front

    def through(layer, systems, k):
        s = systems[0]
        x = dense_layer(s.op, s.k, s.weight, s.gradient, s.z, layer.input_shape)
        return Descent(Front(x, walk.back(layer, k)), Solution(x, "joint", x.size, 1.0, 0.0, 0.0))

    return through


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
