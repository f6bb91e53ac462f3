"""The influence against the published procedures, re-implemented from their description, one thread.

Published: lambda_max by ARPACK on the P x P operator J^T J, and the damped influence by gradient descent (step 0.01,
until the gradient is below 9e-5), both in float32 and rebuilding every graph at every product. Ours: Lanczos on the
pixels and conjugate gradients, in float64, from graphs that are built once.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from gi_core import clients, data
from gi_core.clients.round import normalised
from gi_core.experiments import preparing
from gi_core.numerics.picture_jacobian import Sample
from gi_core.settings import build, parse_component

CASES = (
    ("LeNet", "lenet:layers=4,init=uniform,seed=1", "bundled/faces:3", 28, 1, 5, True),
    ("ResNet-18", "resnet18:stem=cifar", "bundled/astronaut", 32, 3, 2, False),
)
SIGMA = 1e-3


def influence() -> Iterator[dict]:
    """One row per network: seconds of both, their ratio, and how far the values agree."""
    for name, model, ref, size, channels, repeats, descend in CASES:
        asked = build({
            "samples": [ref], "size": size, "channels": channels, "normalise": "mnist" if channels == 1 else "cifar10",
            "model": parse_component("model", model).model_dump(mode="json"),
        })  # fmt: skip
        pictures = data.load(asked)
        network, _ = preparing.prepare(asked, pictures)
        played = clients.play(asked, network, pictures, "cpu")
        x = normalised(pictures, torch.device("cpu"))
        old, new = [], []
        for _ in range(repeats):
            began = time.perf_counter()
            theirs = _Published(played.knowledge.model, x, played.labels)
            their_value = theirs.largest()
            old.append(time.perf_counter() - began)
            began = time.perf_counter()
            ours = Sample(played.knowledge, x, played.labels)
            our_value = ours.largest()
            new.append(time.perf_counter() - began)
        row = {
            "network": name, "published_seconds": statistics.median(old), "seconds": statistics.median(new),
            "times_faster": statistics.median(a / b for a, b in zip(old, new, strict=True)),
            "eigenvalue_max": our_value, "difference": abs(their_value / our_value - 1),
        }  # fmt: skip
        yield row | (_exact(theirs, ours) if descend else {})


def _exact(theirs: _Published, ours: Sample) -> dict:
    """The influence at damping 1, of one draw of noise."""
    draw = torch.Generator().manual_seed(0)
    noise = [SIGMA * torch.randn(p.shape, generator=draw) for p in theirs.parameters]
    pushed = ours.products.j([n.double() for n in noise])
    began = time.perf_counter()
    value = float(ours.influence_at(pushed, 1.0).norm())
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    other, steps = theirs.descend(noise)
    published = time.perf_counter() - began
    return {
        "exact_published_seconds": published, "exact_seconds": seconds, "exact_times_faster": published / seconds,
        "published_steps": steps, "influence": value, "exact_difference": abs(other / value - 1),
    }  # fmt: skip


class _Published:
    """Products that rebuild forward and first backward pass each time."""

    def __init__(self, model: torch.nn.Module, x: torch.Tensor, labels: torch.Tensor):
        self.model, self.x, self.labels = model.requires_grad_(True), x, labels
        self.parameters = list(model.parameters())

    def _loss(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.model(x), self.labels)

    def j(self, parts: list[torch.Tensor]) -> torch.Tensor:
        x = self.x.clone().requires_grad_(True)
        gradient = torch.autograd.grad(self._loss(x), self.parameters, create_graph=True)
        return torch.autograd.grad(sum((g * p).sum() for g, p in zip(gradient, parts, strict=True)), x)[0]

    def jt(self, b: torch.Tensor) -> list[torch.Tensor]:
        x = self.x.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(self._loss(x), x, create_graph=True)
        found = torch.autograd.grad((slope * b).sum(), self.parameters, allow_unused=True)
        return [torch.zeros_like(p) if g is None else g for g, p in zip(found, self.parameters, strict=True)]

    def largest(self) -> float:
        sizes, shapes = [p.numel() for p in self.parameters], [p.shape for p in self.parameters]

        def product(v: np.ndarray) -> np.ndarray:
            parts = torch.from_numpy(v.astype(np.float32).ravel()).split(sizes)
            out = self.jt(self.j([p.view(s) for p, s in zip(parts, shapes, strict=True)]))
            return torch.cat([t.flatten() for t in out]).numpy()

        start = np.random.default_rng(0).standard_normal(sum(sizes)).astype(np.float32)
        operator = LinearOperator((sum(sizes),) * 2, matvec=product, dtype=np.float32)
        return float(eigsh(operator, k=1, v0=start, return_eigenvectors=False)[0])

    def descend(self, noise: list[torch.Tensor], damping: float = 1.0) -> tuple[float, int]:
        b = torch.randn(self.x.shape, generator=torch.Generator().manual_seed(1))
        step = 0
        while step < 2000:
            step += 1
            residual = [n - t for n, t in zip(noise, self.jt(b), strict=True)]
            slope = damping * b - self.j(residual)
            b = b - 0.01 * slope
            self.jt(b)  # the published code computes the residual a second time, for its log
            if float(slope.norm()) < 9e-5:
                break
        return float(b.norm()), step
