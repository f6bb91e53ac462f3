"""Predicted error against the error of a real attack: unclamped, with the noise that was really drawn.

The prediction is that of the drawn noise, by conjugate gradients. The attack is Levenberg-Marquardt with known labels,
one start, to its plateau. Left out of the summary: pictures that the analysis itself calls protected (a predicted RMSE
of PRIOR = 0.3 or more) or beyond the linear range (a second-order displacement above LINEAR = 0.25 of the first).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from scipy.stats import spearmanr

from benchmarks.problems import SHARED
from gi_core import attacks, clients, data
from gi_core.attacks.base import stream
from gi_core.clients.round import normalised
from gi_core.experiments import preparing
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.spectrum import DAMPING, LINEAR, PRIOR
from gi_core.settings import Experiment, build
from gi_core.settings.plan import Plan

SIGMAS = (1e-3, 1e-2)
PLAN = Plan(onednn=False)


def asked(folder: Path, dataset: str, index: int, sigma: float) -> Experiment:
    """One test picture, the influence paper's LeNet, noise of so much."""
    return build({
        "samples": [f"folder:{folder}/{dataset}_test:{index:04d}"], "normalise": dataset,
        "model": {"kind": "lenet", "layers": 4, "init": "uniform", "seed": 1},
        "defenses": [{"kind": "gaussian_noise", "std": sigma}],
        "attack": {"kind": "levenberg_marquardt", "labels": "known", "restarts": 0},
    })  # fmt: skip


@cache
def predicted(folder: Path, dataset: str, index: int) -> tuple[float, dict[float, float]]:
    """(RMSE in [0, 1] for noise of standard deviation 1, second-order share at each sigma); a seed's draw scales."""
    sigma = SIGMAS[-1]
    question = asked(folder, dataset, index, sigma)
    pictures = data.load(question)
    model, _ = preparing.prepare(question, pictures)
    done = clients.play(question, model, pictures, "cpu")
    one = Sample(done.knowledge, normalised(pictures, torch.device("cpu")), done.labels)
    moved = one.influence(one.perturbation(done.clean, done.update), most=one.size) / sigma
    shift = DAMPING * one.largest()
    return one.in_pixels(moved), {s: one.second_order(s * moved, shift) for s in SIGMAS}


@cache
def measured(folder: Path, dataset: str, index: int, sigma: float) -> float:
    """RMSE in [0, 1], unclamped, of the attack's answer. Raises RuntimeError where it did not come to rest."""
    torch.set_num_threads(1)
    question = asked(folder, dataset, index, sigma)
    pictures = data.load(question)
    model, _ = preparing.prepare(question, pictures)
    done = clients.play(question, model, pictures, "cpu")
    update, knowledge = done.update, done.knowledge
    machine = attacks.make(question.attack, update, knowledge, plan=PLAN, device="cpu")
    for state, step in stream(machine, machine.init(0)):  # noqa: B007
        pass
    images, _ = machine.answer(state)
    return float(((images.double() - torch.from_numpy(pictures.images).double()) ** 2).mean()) ** 0.5


def calibration(images: int = 10) -> Iterator[dict]:
    """A row per picture and noise, then medians, largest deviations and rank correlations of each set."""
    for dataset, count in (("mnist", 2 * images), ("cifar10", images)):
        for sigma in SIGMAS:
            pairs = []
            for index in range(count):
                began = time.process_time()
                unit, seconds_order = predicted(SHARED, dataset, index)
                error, second = sigma * unit, seconds_order[sigma]
                row = {"data": dataset, "sigma": sigma, "index": index, "predicted": error, "second_order": second}
                if error >= PRIOR:
                    yield row | {"protected": True}
                    continue
                found = measured(SHARED, dataset, index, sigma)
                row |= {"measured": found, "ratio": found / error, "seconds": time.process_time() - began}
                if second <= LINEAR:
                    pairs.append((error, found))
                yield row | {"linear": second <= LINEAR}
            off = [abs(m / p - 1) for p, m in pairs]
            yield {
                "data": dataset, "sigma": sigma, "predicted": len(pairs), "left_out": count - len(pairs),
                "median_off": statistics.median(off) if off else None, "most_off": max(off, default=None),
                "spearman": float(spearmanr(*zip(*pairs, strict=True)).statistic) if len(pairs) > 2 else None,
            }  # fmt: skip
