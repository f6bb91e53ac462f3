"""Time to solution: CPU seconds until MSE < 1e-4, and how often it is reached.

The textbook is the published algorithm with torch.optim.LBFGS (it stops at D < 1e-6, as published).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import torch

from benchmarks.problems import picture, victim
from benchmarks.textbook import textbook_dlg
from gi_core.attacks import make, stream
from gi_core.attacks.plan import measure
from gi_core.settings import parse_component

CASES = [
    ("mnist", "uniform", "textbook_dlg"), ("mnist", "uniform", "dlg"),
    ("mnist", "uniform", "textbook_idlg"), ("mnist", "uniform", "idlg"),
    ("mnist", "uniform", "levenberg_marquardt"), ("mnist", "default", "dlg"),
    ("mnist", "default", "levenberg_marquardt"), ("cifar10", "default", "levenberg_marquardt"),
]  # fmt: skip
SOLVED, LIMIT = 1e-4, 40.0


SEARCHES = 4
"""Times as many pictures for the searches, which find some and miss some."""


def solution(images: int = 5) -> Iterator[dict]:
    """One row per case: success rate, and median seconds of the successes; picture by picture, so that all share the load."""
    cases = [c for c in CASES if c[1] == "uniform"]
    yield from _rows(cases, range(SEARCHES * images))
    yield from _rows([c for c in CASES if c not in cases], range(images))


def _rows(cases: list[tuple[str, str, str]], indices: range) -> Iterator[dict]:
    times: dict[tuple, list[float | None]] = {case: [] for case in cases}
    for index in indices:
        for case in cases:
            times[case].append(_solve(*case, index))
    for (dataset, init, attack), found in times.items():
        good = [t for t in found if t is not None]
        textbook = times.get((dataset, init, f"textbook_{attack}"))
        row = {
            "data": dataset, "init": init, "attack": attack, "images": len(indices), "solved": len(good),
            "median_seconds": statistics.median(good) if good else None,
        }  # fmt: skip
        if textbook:
            both = [b / a for a, b in zip(found, textbook, strict=True) if a and b]
            row["times_faster_where_both_solve"] = statistics.median(both) if both else None
        yield row


def _solve(dataset: str, init: str, attack: str, index: int) -> float | None:
    x, label = picture(dataset, index)
    update, knowledge = victim(f"lenet:init={init},seed={1000 + index}", x, label)
    began = time.process_time()
    for image in _pictures(attack, update, knowledge, label, index):
        if float(((image - x) ** 2).mean()) < SOLVED:
            return time.process_time() - began
        if time.process_time() - began > LIMIT:
            return None
    return None


def _pictures(attack, update, knowledge, label, seed):
    if attack.startswith("textbook"):
        torch.manual_seed(seed)
        start = torch.randn(1, *knowledge.input_shape)
        known = None if attack == "textbook_dlg" else torch.tensor([label])
        for image, distance in textbook_dlg(knowledge.model, list(update.tensors.values()), start, 10, known):
            yield image
            if distance < 1e-6:
                return
        return
    settings = parse_component("attack", attack)
    plan = measure(update, knowledge, settings, torch.device("cpu"))
    machine = make(settings, update, knowledge, plan=plan, device="cpu")
    for _, step in stream(machine, machine.init(seed)):
        yield step.images[step.best].float()
