"""Time per iteration: our engine against the textbook loop, interleaved in one run.

Medians of interleaved repeats; with several trials, per trial and iteration.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import torch

from benchmarks.problems import picture, victim
from benchmarks.textbook import textbook_cosine
from gi_core.attacks import make
from gi_core.attacks.plan import measure
from gi_core.spec.attacks import InvertingGradients

CASES = {"lenet": ("lenet:init=uniform", 40), "resnet20": ("resnet20", 4), "convnet64": ("convnet", 1)}
TRIALS = (1, 8, 32)
REPEATS = 7


def speed(device: str = "cpu", cases=CASES, trials=TRIALS, repeats: int = REPEATS) -> Iterator[dict]:
    """One row per network and number of trials."""
    for name, (model, block) in cases.items():
        x, label = picture("cifar10", 10)
        update, knowledge = victim(model, x, label)
        plain = _textbook(knowledge, update, label, device)
        for count in trials:
            ours, plan = _ours(update, knowledge, count, device)
            next(plain), ours()
            times = [(_time(plain.__next__, block), _time(ours, block) / count) for _ in range(repeats)]
            textbook, engine = (statistics.median(t) for t in zip(*times, strict=True))
            ratio = statistics.median(a / b for a, b in times)
            yield {
                "network": name, "trials": count, "device": device, "textbook_ms": textbook * 1e3,
                "engine_ms_per_trial": engine * 1e3, "speedup": ratio, "plan": plan,
            }  # fmt: skip


def _textbook(knowledge, update, label, device):
    import copy

    model = copy.deepcopy(knowledge.model).to(device)
    target = [t.to(device) for t in update.tensors.values()]
    start = torch.rand((1, *knowledge.input_shape), generator=torch.Generator().manual_seed(0)).to(device)
    return textbook_cosine(model, target, start, torch.tensor([label], device=device), 1e-2, 0.1)


def _ours(update, knowledge, count, device):
    settings = InvertingGradients(trials=count, labels="known", start="uniform", iterations=100_000)
    plan = measure(update, knowledge, settings, torch.device(device), budget_seconds=20.0)
    attack = make(settings, update, knowledge, plan=plan, device=device)
    holder = [attack.init(0)]

    def once() -> None:
        holder[0], _ = attack.step(holder[0])

    for _ in range(5 if device == "cuda" else 0):
        once()
    return once, plan.model_dump(exclude={"source"})


def _time(work, block: int) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(block):
        work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / block
