"""Residual recursion on a ResNet-18 with ImageNet stem: float32 gradients of twenty pictures, weights fresh and trained here.

`python -m benchmarks.residual SIZE COUNT [fresh|trained] [eval|train] [float32|float64|rounded]` prints one size, a line for each
picture; train: batch norm in train mode, its statistics shared; rounded: a gradient computed in float64 and sent as float32.
`python -m benchmarks.residual layers SIZE [fresh|trained] [eval|train] [float32|float64|rounded] [PICTURE]` the error of every
activation, beside the picture's own.
Trained is once for all sizes: ten epochs of 64-pixel crops of the bundled pictures, the eleven of them here among those.
"""

from __future__ import annotations

import math
import resource
import statistics
import sys
import time
from collections.abc import Iterator

import torch

from benchmarks.residual_double import in_double
from benchmarks.residual_layers import errors
from gi_core import attacks, clients, data
from gi_core.attacks.recursion.residual.machine import ResidualMachine
from gi_core.common.paths import home
from gi_core.data.bundled import data_folder
from gi_core.experiments import preparing
from gi_core.settings import Experiment, build
from gi_core.settings.plan import Plan
from gi_core.tensor_files.weights import write_state

BUNDLED = ("astronaut", "coffee", "chelsea", "rocket", "retina", "ihc", "cell", "page", "patient", "phantom", "text")
UNSEEN = (
    "camera.png", "coins.png", "moon.png", "gravel.png", "brick.png", "grass.png", "hubble_deep_field.jpg",
    "motorcycle_left.png", "clock_motion.png",
)  # fmt: skip
"""Pictures of scikit-image's wheel that the network was not trained on."""
SIZES = ((32, 20), (64, 20), (96, 20), (128, 20), (224, 3))
EPOCHS, RATE, TRAINED_AT = 10, 1e-3, 64
CLAIMS = (("up to rounding", 80.0, math.inf), ("a few winners", 30.0, 200.0), ("many winners", 15.0, 40.0))
"""What the attack says of a picture whose blocks were all exact, and the PSNR that makes it right."""


def residual() -> Iterator[dict]:
    """One row for each size and kind of weights."""
    for size, count in SIZES:
        for weights in ("trained", "fresh"):
            yield row(size, count, weights)


def samples() -> list[str]:
    return [f"bundled/{name}" for name in BUNDLED] + [str(data_folder() / name) for name in UNSEEN]


def row(size: int, count: int, weights: str, mode: str = "eval", kind: str = "float32") -> dict:
    found = [_one(sample, size, weights, mode, kind) for sample in samples()[:count]]
    psnr = [f["psnr"] for f in found]
    return {
        "network": f"ResNet-18, {weights}, {size} px" + ", train mode" * (mode == "train") + f", {kind}", "pictures": len(found),
        "psnr": statistics.median(psnr),
        "worst": min(psnr), "best": max(psnr), "above_50_db": sum(p > 50 for p in psnr),
        "blocks": statistics.median(f["blocks"] for f in found), "verdicts_right": sum(f["right"] for f in found),
        "seconds": statistics.median(f["seconds"] for f in found),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def asked(sample: str, size: int, weights: dict, mode: str = "eval") -> Experiment:
    return build({
        "samples": [sample], "size": size, "channels": 3, "model": {"kind": "resnet18", "classes": len(BUNDLED)},
        "attack": {"kind": "residual"}, "weights": weights,
        "client": {"kind": "fedsgd", "batch_norm": mode, "statistics": "shared" if mode == "train" else "withheld"},
    })  # fmt: skip


def weights_of(kind: str) -> dict:
    """The settings of the weights; trained ones are kept in a file, as another picture size would train anew."""
    if kind == "fresh":
        return {"kind": "fresh"}
    path = home() / "weights" / "benchmark_resnet18.safetensors"
    if not path.is_file():
        trained = {"kind": "trained", "epochs": EPOCHS, "learning_rate": RATE, "data": "bundled"}
        question = asked("bundled/astronaut", TRAINED_AT, trained)
        model, about = preparing.prepare(question, data.load(question))
        print("trained:", about, flush=True)
        write_state(model, path, dict(about))
    return {"kind": "file", "path": str(path)}


def _machine(
    sample: str, size: int, weights: str, mode: str = "eval", kind: str = "float32"
) -> tuple[ResidualMachine, torch.Tensor]:
    question = asked(sample, size, weights_of(weights), mode)
    pictures = data.load(question)
    model, _ = preparing.prepare(question, pictures)
    done = clients.play(question, model, pictures, "cpu")
    if kind != "float32":
        done = in_double(done, model, pictures, mode, torch.float32 if kind == "rounded" else torch.float64)
    attack = attacks.make(question.attack, done.update, done.knowledge, plan=Plan(), device="cpu")
    assert isinstance(attack, ResidualMachine)
    return attack, torch.from_numpy(pictures.images[0]).double()


def _one(sample: str, size: int, weights: str, mode: str, kind: str) -> dict:
    """PSNR before clamping, blocks passed, whether the verdict is right, CPU seconds of the attack on one thread."""
    began, blocks = time.process_time(), 0
    try:
        attack, truth = _machine(sample, size, weights, mode, kind)
        began = time.process_time()
        state, step = attack.init(0), None
    except attacks.Refused as refusal:
        print(sample, size, weights, refusal, flush=True)
        return {"psnr": 0.0, "blocks": 0, "right": True, "seconds": time.process_time() - began}
    while step is None or not step.done:
        state, step = attack.step(state)
        blocks += step.layer is not None and "stopped" not in step.layer.note
    error = float(((attack.answer(state)[0][0] - truth) ** 2).mean())
    psnr = -10 * math.log10(max(error, 1e-40))
    found = {"psnr": psnr, "blocks": blocks, "right": _right(step.note, psnr), "seconds": time.process_time() - began}
    rounded = {k: round(v, 1) for k, v in found.items()}
    print(sample, size, weights, rounded, f"misfit {state['misfit']:.1e}", step.note, flush=True)
    return found


def _right(note: str, psnr: float) -> bool:
    """Whether the PSNR lies where the closing sentence puts it; a search that "failed" is below 20 dB."""
    for words, least, most in CLAIMS:
        if words in note:
            return least <= psnr <= most
    return psnr < 20 if "failed" in note else True


def _main(size: str, *more: str) -> None:
    torch.set_num_threads(1)
    if size == "layers":
        weights, mode, kind, sample = [*more[1:], *("fresh", "eval", "float32", "bundled/astronaut")[len(more) - 1 :]]
        for found in errors(*_machine(sample, int(more[0]), weights, mode, kind)):
            print(found, flush=True)
        return
    print(row(int(size), int(more[0]), *(more[1:] or ["fresh"])))


if __name__ == "__main__":
    _main(*sys.argv[1:])
