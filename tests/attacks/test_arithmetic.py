"""Sums over the gradients of large networks: every objective against float64 at 11 and 86 million parameters."""

from __future__ import annotations

import math

import pytest
import torch

from gi_core.attacks import objectives
from gi_core.attacks.adaptive import consistent
from gi_core.attacks.adaptive.beliefs import Belief
from gi_core.numerics import sums

RESNET18, VIT = 11_181_642, 86_567_656
NAMES = ("l2", "l1", "relative", "cosine", "cosine_local", "max")


def _tensors(count: int, large: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """g* and a direction beside it, float32: sizes as of a deep network, magnitudes falling with depth."""
    draws = torch.Generator().manual_seed(0)
    shapes = [(large // 512, 512)] * (count // large) + [(64,)] * 40 + [(count % large + 1,)]
    target = [torch.randn(s, generator=draws) * 10.0 ** (-i % 4) for i, s in enumerate(shapes)]
    return target, [torch.randn(s, generator=draws) * 10.0 ** (-i % 4) for i, s in enumerate(shapes)]


def _exact(name: str, g: list[torch.Tensor], t: list[torch.Tensor]) -> tuple[float, list[torch.Tensor]]:
    """(D, dD/dg) in float64 throughout."""
    g, t = [a.double() for a in g], [a.double() for a in t]
    r = [a - b for a, b in zip(g, t, strict=True)]
    squares = [float((a * a).sum()) for a in r]
    if name == "l2":
        return math.fsum(squares), [2 * a for a in r]
    if name == "l1":
        return math.fsum(float(a.abs().sum()) for a in r), [a.sign() for a in r]
    if name == "max":
        return math.fsum(float(a.abs().max()) for a in r), [a.sign() * (a.abs() == a.abs().max()) for a in r]
    gg, tt = ([float((a * a).sum()) for a in side] for side in (g, t))
    gt = [float((a * b).sum()) for a, b in zip(g, t, strict=True)]
    if name == "relative":
        size, far = math.fsum(tt) ** 0.5, math.fsum(squares) ** 0.5
        return far / size, [a / (far * size) for a in r]
    if name == "cosine":
        gg, tt, gt = ([math.fsum(s)] * len(g) for s in (gg, tt, gt))
    cos = [ab / (aa * bb) ** 0.5 for aa, bb, ab in zip(gg, tt, gt, strict=True)]
    slopes = [
        -(b / bb**0.5 - a * (ab / bb**0.5 / aa)) / aa**0.5 for a, b, aa, bb, ab in zip(g, t, gg, tt, gt, strict=True)
    ]
    return (1 - cos[0] if name == "cosine" else math.fsum(1 - c for c in cos)), slopes


def _agrees(name: str, made: objectives.Objective, g: list[torch.Tensor], t: list[torch.Tensor]) -> None:
    value, slopes = made([a[None] for a in g])
    expected, exact = _exact(name, g, t)
    assert value.dtype == torch.float64
    assert float(value) == pytest.approx(expected, rel=1e-6, abs=3e-8 if name.startswith("cosine") else 0)
    off = sum(float((s[0] - e).square().sum()) for s, e in zip(slopes, exact, strict=True)) ** 0.5
    size = sum(float(e.square().sum()) for e in exact) ** 0.5
    assert off < 2e-6 * size + 1e-7
    wrong = sum(int((s[0].sign() != e.sign()).sum()) for s, e in zip(slopes, exact, strict=True))
    assert wrong <= 1e-5 * sum(a.numel() for a in g)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("apart", [0.01, 1.0])
def test_objectives_over_eleven_million_values_are_exact(name, apart):
    target, beside = _tensors(RESNET18, 512 * 512 * 9)
    g = [a + apart * b for a, b in zip(target, beside, strict=True)]
    _agrees(name, objectives.make(name, target, [1.0] * len(g)), g, target)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["l2", "cosine"])
def test_objectives_over_eighty_six_million_values_are_exact(name):
    target, beside = _tensors(VIT, 3072 * 768)
    g = [a + 0.02 * b for a, b in zip(target, beside, strict=True)]
    _agrees(name, objectives.make(name, target, [1.0] * len(g)), g, target)


@pytest.mark.parametrize("name", ["cosine", "relative", "l2", "cosine_local"])
def test_the_distance_of_a_gradient_to_itself_is_nothing(name):
    """5.7e-4 was reported at the true picture of a ResNet-18, from one float32 sum over 11 million squares."""
    target, _ = _tensors(RESNET18, 512 * 512 * 9)
    value, slopes = objectives.make(name, target, [1.0] * len(target))([t[None] for t in target])
    assert 0 <= float(value) < 1e-11


@pytest.mark.parametrize("apart", [1e-5, 1e-4, 1e-3])
def test_distances_far_below_float32_are_told_apart(apart):
    """1 - cos near a solution is the square of an angle: 5e-11 of it is one pixel in ten thousand."""
    target, beside = _tensors(RESNET18, 512 * 512 * 9)
    g = [a + apart * b for a, b in zip(target, beside, strict=True)]
    value, _ = objectives.make("cosine", target, [1.0] * len(g))([a[None] for a in g])
    a, b = torch.cat([p.reshape(-1) for p in g]).double(), torch.cat([p.reshape(-1) for p in target]).double()
    across = b - a * (a @ b) / (a @ a)
    cosine = float(a @ b) / (float(a @ a) * float(b @ b)) ** 0.5
    assert float(value) == pytest.approx(float(across @ across) / float(b @ b) / (1 + cosine), rel=2e-3)


@pytest.mark.parametrize("name", ["l2", "cosine", "cosine_local"])
@pytest.mark.parametrize("rescaled", [False, True])
def test_objectives_under_a_belief_are_exact_too(name, rescaled):
    """Some values free (a mask), and clipping played on the candidate: against the same in float64."""
    target, beside = _tensors(RESNET18 // 2, 512 * 512 * 9)
    g = [2 * a + 0.01 * b for a, b in zip(target, beside, strict=True)]
    kept = [torch.rand(t.shape, generator=torch.Generator().manual_seed(i)) < 0.7 for i, t in enumerate(target)]
    target = [t * k for t, k in zip(target, kept, strict=True)]

    def evaluate(dtype):
        low = [torch.where(k, t.to(dtype), -math.inf) for t, k in zip(target, kept, strict=True)]
        high = [torch.where(k, t.to(dtype), math.inf) for t, k in zip(target, kept, strict=True)]
        belief = Belief(low, high, [torch.zeros_like(t) for t in low], rescaled)
        made = consistent.make(name, [t.to(dtype) for t in target], [1.0] * len(target), belief)
        return made([a.to(dtype)[None] for a in g])

    (value, slopes), (expected, exact) = evaluate(torch.float32), evaluate(torch.float64)
    assert float(value) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)
    off = sum(float((s - e).square().sum()) for s, e in zip(slopes, exact, strict=True)) ** 0.5
    assert off < 1e-5 * sum(float(e.square().sum()) for e in exact) ** 0.5 + 1e-6


@pytest.mark.parametrize("trials", [1, 3])
@pytest.mark.parametrize("count", [1, 100, 16384, 16385, 1_000_001])
def test_sums_of_any_length_are_those_of_float64(trials, count):
    draws = torch.Generator().manual_seed(count)
    a, b = (torch.rand(trials, count, generator=draws) + 0.5 for _ in range(2))
    for found, expected in [
        (sums.dot(a, b), (a.double() * b.double()).sum(1)),
        (sums.dot(a, b[0]), (a.double() * b[0].double()).sum(1)),
        (sums.squares(a), a.double().square().sum(1)),
        (sums.total(a), a.double().sum(1)),
    ]:
        torch.testing.assert_close(found, expected, rtol=4e-7, atol=0)


def test_blocks_give_back_what_they_joined():
    sizes = [3, 70_000, 5, 100_000, 1]
    blocks = sums.Blocks(sizes)
    tensors = [torch.randn(2, n) for n in sizes]
    joined = blocks.join(tensors)
    assert sorted(b.shape[1] for b in joined) == [9, 70_000, 100_000]
    for back, tensor in zip(blocks.split(joined, tensors), tensors, strict=True):
        assert torch.equal(back, tensor)
