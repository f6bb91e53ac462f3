"""CPU time per iteration: our engine against two textbook loops, interleaved in one run.

`textbook` calls `backward()` into picture and weights, as Inverting Gradients' own loop does; `picture_only` calls
`backward(inputs=[x])`, as breaching's does. Both take sums tensor by tensor and Adam on the sign. Medians of interleaved
repeats, per trial and iteration; ratios are medians of the repeats' own. `bound` is what the iteration's floating point
operations take at the rate of a large matrix product, measured in the same repeats.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.problems import at_size, batch_of, picture, victim
from benchmarks.textbook import textbook_cosine
from gi_core.attacks import make
from gi_core.attacks.plan import measure
from gi_core.settings.attacks import InvertingGradients

CASES = {
    "lenet": ("lenet:init=uniform", 32, 40, (1, 8, 32)), "resnet20": ("resnet20", 32, 4, (1, 8, 32)),
    "convnet64": ("convnet", 32, 1, (1, 8)), "resnet18": ("resnet18:stem=cifar", 32, 1, (1,)),
    "resnet18 at 224": ("resnet18", 224, 1, (1,)),
    "vit 16/384/12 at 224": ("vit:patch=16,hidden=384,depth=12,heads=6", 224, 1, (1,)),
}  # fmt: skip
REPEATS, LARGE_REPEATS = 7, 3
BATCHES = {"lenet": "lenet:init=uniform", "resnet20": "resnet20"}


def speed(device: str = "cpu", cases=CASES, repeats: int = REPEATS) -> Iterator[dict]:
    """One row per network and number of trials."""
    for name, (model, side, block, trials) in cases.items():
        x, label = picture("cifar10", 10)
        x = at_size(x, side)
        update, knowledge = victim(model, x, torch.tensor([label]))
        loops = {into: _textbook(knowledge, update, label, device, into) for into in ("everything", "picture")}
        for count in trials:
            engine, plan = _engine(update, knowledge, count, device)
            works = {into: loop.__next__ for into, loop in loops.items()} | {"engine": engine}
            rounds = [_round(works, block, device) for _ in range((repeats if side <= 32 else LARGE_REPEATS) + 1)][1:]
            textbook, other, ours, rate = (
                [r[key] for r in rounds] for key in ("everything", "picture", "engine", "rate")
            )
            ours = [t / count for t in ours]
            bound = [_flops(engine) / count / r for r in rate]
            yield {
                "network": name, "trials": count, "device": device, "textbook_ms": _median(textbook) * 1e3,
                "picture_only_ms": _median(other) * 1e3, "engine_ms_per_trial": _median(ours) * 1e3,
                "speedup": _ratio(textbook, ours), "over_picture_only": _ratio(other, ours),
                "bound_ms": _median(bound) * 1e3, "share_of_bound": _ratio(bound, ours), "plan": plan,
            }  # fmt: skip
    if device == "cpu":
        yield from batches()


def batches(pictures: int = 32, repeats: int = 5) -> Iterator[dict]:
    """A batch against as many times one picture: 1 is linear, less is better."""
    for name, model in BATCHES.items():
        works = {}
        for count in (1, pictures):
            x, labels = batch_of("cifar10", count)
            works[count] = _engine(*victim(model, x, labels), 1, "cpu")[0]
        rounds = [_round(works, 1, "cpu") for _ in range(repeats + 1)][1:]
        one, many = ([r[count] for r in rounds] for count in (1, pictures))
        yield {
            "network": name, "pictures": pictures, "one_ms": _median(one) * 1e3, "batch_ms": _median(many) * 1e3,
            "of_linear": _ratio(many, one) / pictures,
        }  # fmt: skip


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _ratio(a: list[float], b: list[float]) -> float:
    return statistics.median(p / q for p, q in zip(a, b, strict=True))


def _round(works: dict, block: int, device: str) -> dict:
    """Seconds of one call of each, one after another, and the rate of a matrix product beside them."""
    return {key: _time(work, block, device) for key, work in works.items()} | {"rate": _rate(device)}


def _rate(device: str, side: int = 1536) -> float:
    """Floating point operations a second of a large product."""
    a = torch.randn(side, side, device=device)
    return 2 * side**3 / _time(lambda: a @ a, 1, device)


def _flops(work: Callable[[], None]) -> int:
    with FlopCounterMode(display=False) as counted:
        work()
    return counted.get_total_flops()


def _textbook(knowledge, update, label, device, into):
    model = copy.deepcopy(knowledge.model).to(device)
    target = [t.to(device) for t in update.tensors.values()]
    start = torch.rand((1, *knowledge.input_shape), generator=torch.Generator().manual_seed(0)).to(device)
    return textbook_cosine(model, target, start, torch.tensor([label], device=device), 1e-2, 0.1, into)


def _engine(update, knowledge, count, device):
    settings = InvertingGradients(trials=count, labels="known", start="uniform", iterations=100_000)
    plan = measure(update, knowledge, settings, torch.device(device), budget_seconds=20.0)
    attack = make(settings, update, knowledge, plan=plan, device=device)
    holder = [attack.init(0)]

    def once() -> None:
        holder[0], _ = attack.step(holder[0])

    for _ in range(5 if device == "cuda" else 0):
        once()
    return once, plan.model_dump(exclude={"source"})


def _time(work, block: int, device: str = "cpu") -> float:
    """CPU seconds of one call; on a GPU, seconds."""
    if device == "cuda":
        torch.cuda.synchronize()
    clock = time.perf_counter if device == "cuda" else time.process_time
    began = clock()
    for _ in range(block):
        work()
    if device == "cuda":
        torch.cuda.synchronize()
    return (clock() - began) / block
