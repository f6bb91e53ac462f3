"""The stem of residual recovery: who may have won in a window, the softened pooling, and the linear finish."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.residual import finish, shallow, winners
from gi_core.attacks.recursion.residual.annealing import StemSearch
from gi_core.settings.chain import Affine
from gi_core.settings.graph import Act, Conv, MaxPool


@pytest.fixture
def stem():
    """A small max-pooled stem with a picture: (Stem, pooled, active, back, picture, z)."""
    draw, op, pool = torch.Generator().manual_seed(8), Conv(3, 12, 5, 2, 2, False), MaxPool(3, 2, 1)
    x = torch.rand((3, 16, 16), generator=draw, dtype=torch.float64)
    weight = torch.randn((12, 3, 5, 5), generator=draw, dtype=torch.float64).requires_grad_(True)
    bias = torch.randn(12, generator=draw, dtype=torch.float64)
    z = F.conv2d(x[None], weight, bias, 2, 2)
    pooled = F.max_pool2d(torch.relu(z), 3, 2, 1)[0]
    back = torch.randn(pooled.shape, generator=draw, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((pooled * back).sum(), weight)
    layer = Affine("conv1", op, (3, 16, 16), (12, 8, 8), (3, 16, 16), None, Act("relu"))
    numbers = Numbers(weight.detach().numpy(), bias.numpy(), gradient.numpy(), None, np.ones(12, bool))
    seen = shallow.windows(pool, (12, 8, 8), (12, 4, 4))
    made = shallow.Stem(layer, numbers, seen, np.full(12, 2.0), (0.2, 0.3, 0.2), torch.float64)
    flat = [t.detach().reshape(12, -1) for t in (pooled / 2.0, pooled > 0, back)]
    return made, *flat, x, z.detach()[0]


def test_the_softened_stem_is_the_stem_at_temperature_zero(stem):
    made, pooled, active, back, x, z = stem
    maps = made.maps(made.patches(x))
    torch.testing.assert_close(maps * 2.0, z.reshape(12, -1))
    held = made.in_windows(maps)
    torch.testing.assert_close(torch.relu(made.soft(held, made.weights(held, 0.0))), pooled)
    torch.testing.assert_close(made.soft(held, made.weights(held, 1e-4)), held.amax(2))
    assert (maps <= made.bound(torch.where(active, pooled, held.amax(2))) + 1e-12).all()


def test_pooled_values_alone_say_who_may_have_won(stem):
    """A winner stands where the bound is its own value, and where windows of one value meet: 9 candidates become 3."""
    made, pooled, active, _, x, _ = stem
    among = made.candidates(pooled, torch.full_like(pooled, 1e-12))
    winner = made.in_windows(made.maps(made.patches(x))).argmax(2)
    assert bool(among.gather(2, winner[:, :, None])[:, :, 0][active].all())
    count = among.sum(2)[active].double()
    assert float(count.mean()) < 3.5 and float((count == 1).double().mean()) > 0.25


def test_rounding_of_pooled_values_keeps_the_winner(stem):
    made, pooled, active, _, x, _ = stem
    noised = pooled + 1e-5 * (2 * torch.rand(pooled.shape, generator=torch.Generator().manual_seed(3)).double() - 1)
    among = made.candidates(noised * active, torch.full_like(pooled, 3e-5))
    winner = made.in_windows(made.maps(made.patches(x))).argmax(2)
    assert bool(among.gather(2, winner[:, :, None])[:, :, 0][active].all())


def test_windows_of_one_colour_keep_candidates(stem):
    made, pooled, active, _, _, _ = stem
    among = made.candidates(torch.ones_like(pooled), torch.full_like(pooled, 1e-12))
    assert bool(among.any(2).all())


def test_the_stems_own_gradient_tells_winners_that_a_near_picture_confuses(stem):
    made, pooled, active, back, x, _ = stem
    among = made.candidates(pooled, torch.full_like(pooled, 1e-12))
    near = x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    true = winners.likely(made, among, x)
    found, changed = winners.settled(made, pooled, active, back, among, near)
    before = (winners.likely(made, among, near) != true)[active].sum()
    assert int(changed.sum()) > 0 and int((found != true)[active].sum()) < int(before) / 2


def test_the_true_picture_explains_the_stem_and_its_gradient(stem):
    made, pooled, active, back, x, _ = stem
    search = StemSearch(made, pooled, active, back, torch.full_like(pooled, 1e-12))
    assert search.misfit(x) < 1e-14 and float(search.objective(0.0)(x)) < 1e-20
    assert search.misfit(torch.zeros_like(x)) > 0.1


def test_the_finish_is_exact_from_a_picture_whose_winners_are_right(stem):
    made, pooled, active, back, x, _ = stem
    among = made.candidates(pooled, torch.full_like(pooled, 1e-12))
    near = x + 1e-4 * torch.randn(x.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    found = near
    for _ in range(4):
        found = finish.improve(made, pooled, active, back, among, found)
    off = (found - x).abs()
    assert float(off.median()) < 1e-3 * float((near - x).abs().median())  # corners are seen by few windows
    assert finish.misfit(made, pooled, active, found) < 1e-3 * finish.misfit(made, pooled, active, near)
