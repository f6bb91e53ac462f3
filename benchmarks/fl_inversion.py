"""FL gradient inversion on real-sized updates: our settings against the `published` preset, at equal iterations.

A ResNet-18 trained for one epoch, train-mode batch norm, one 64x64 grey picture, one local step, statistics shared,
from an unrelated prior picture: the setting of the released system, at a size that a CPU can do. RDLV is against that
prior. It takes some ten minutes; the released system's 40,000 iterations would take two days.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

from gi_core import attacks, clients, data, metrics
from gi_core.attacks.base import stream
from gi_core.experiments import preparing
from gi_core.metrics.registry import LIVE, METRICS, drawn
from gi_core.settings import ATTACKS, build
from gi_core.settings.plan import Plan

PICTURES = ("bundled/retina", "bundled/cell", "bundled/chelsea", "bundled/astronaut", "bundled/coffee")
PRIOR = "bundled/phantom"
ITERATIONS = 150
MEASURED = (*LIVE, *(name for name in drawn("table") if METRICS[name].optional))
"""The live metrics, and those that take a prior picture."""


def fl_inversion(iterations: int = ITERATIONS) -> Iterator[dict]:
    """A row per picture and setting, then the means."""
    found: dict[str, list[dict]] = {}
    for ref in PICTURES:
        for name in ("published", "deep_network"):
            row = _one(ref, name, iterations)
            found.setdefault(name, []).append(row)
            yield row
        yield _prior(ref)
    for name, rows in found.items():
        means = {key: statistics.mean(row[key] for row in rows) for key in MEASURED}
        yield {"setting": name, "pictures": len(rows), **means}


def _asked(ref: str, preset: str, iterations: int):
    values = ATTACKS["fl_gradient_inversion"].presets[preset]
    labels = {} if preset == "published" else {"labels": "auto"}
    return build({
        "samples": [ref], "size": 64, "channels": 3, "normalise": "imagenet", "model": {"kind": "resnet18"}, "labels": [0],
        "weights": {"kind": "trained", "epochs": 1, "data": "bundled", "learning_rate": 1e-3},
        "client": {"kind": "fedavg", "batch_norm": "train", "statistics": "shared", "learning_rate": 1e-2},
        "attack": {
            "kind": "fl_gradient_inversion", "prior": PRIOR, **values, **labels, "iterations": iterations,
        },
    })  # fmt: skip


def _grey(pictures):
    """The picture as one grey map in three channels, as the released system has it."""
    return replace(pictures, images=pictures.images.mean(1, keepdims=True).repeat(3, 1))


def _one(ref: str, preset: str, iterations: int) -> dict:
    asked = _asked(ref, preset, iterations)
    pictures = _grey(data.load(asked))
    model, _ = preparing.prepare(asked, pictures)
    done = clients.play(asked, model, pictures, "cpu")
    machine, began = (
        attacks.make(asked.attack, done.update, done.knowledge, plan=Plan(), device="cpu"),
        time.process_time(),
    )
    for state, _step in stream(machine, machine.init(0)):  # noqa: B007
        pass
    images, labels = machine.answer(state)
    judged = metrics.evaluate(
        images.double().numpy(), pictures.images, pictures.labels, labels.numpy(), prior=pictures.prior
    )["metrics"]
    seconds = time.process_time() - began
    return {"picture": ref, "setting": preset, **{k: judged[k] for k in MEASURED}, "seconds": seconds}


def _prior(ref: str) -> dict:
    asked = _asked(ref, "deep_network", 1)
    pictures = _grey(data.load(asked))
    judged = metrics.evaluate(pictures.prior[None], pictures.images, pictures.labels, pictures.labels)["metrics"]
    return {"picture": ref, "setting": "the prior itself", **{k: judged[k] for k in LIVE}}
