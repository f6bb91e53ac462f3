"""The equations of a convolution against torch's own derivatives, and their solution against a dense one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.nn import grad

from gi_core.attacks.recursion import solver
from gi_core.attacks.recursion import system as system_module
from gi_core.attacks.recursion.layers import numbers
from gi_core.attacks.recursion.matrix_free import KernelOperator
from gi_core.attacks.recursion.solver import solve
from gi_core.attacks.recursion.system import KERNEL_SHARE, System
from gi_core.networks.module import GraphModule
from gi_core.numerics.convolution_maps import kernel_matrix, largest_singular, weight_matrix
from gi_core.settings.chain import chain
from gi_core.settings.graph import Act, BatchNorm, Builder, Conv, Flatten
from gi_core.types.updates import Update

torch.set_num_threads(1)


@st.composite
def convolutions(draw):
    """(op, input shape) of sizes at which some pixels are skipped, padded or seen once."""
    groups = draw(st.sampled_from([1, 1, 2]))
    kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    reach, padding = dilation * (kernel - 1) + 1, draw(st.integers(0, 3))
    height, width = (draw(st.integers(max(1, reach - 2 * padding), 9)) for _ in range(2))
    inside, out = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 4))
    op = Conv(inside, out, kernel, draw(st.integers(1, 3)), padding, False, groups, dilation)
    return op, (inside, height, width)


def _numbers(op: Conv, shape: tuple[int, ...], seed: int = 0):
    """x, w, k = dL/dz in float64, and z = W x, G = dL/dW by torch."""
    draws = torch.Generator().manual_seed(seed)
    real = {"dtype": torch.float64, "generator": draws}
    x = torch.randn(1, *shape, **real)
    w = torch.randn(op.channels, op.channels_in // op.groups, op.kernel, op.kernel, **real)
    k = torch.randn(1, *op.shape(shape), **real)
    z = F.conv2d(x, w, None, op.stride, op.padding, op.dilation, op.groups)
    g = grad.conv2d_weight(x, w.shape, k, op.stride, op.padding, op.dilation, op.groups)
    return x[0].numpy(), w.numpy(), k[0].numpy(), z[0].numpy(), g.numpy()


def _group(op: Conv, g: int) -> tuple[slice, slice]:
    out, inside = op.channels // op.groups, op.channels_in // op.groups
    return slice(g * out, (g + 1) * out), slice(g * inside, (g + 1) * inside)


@given(convolutions(), st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_both_matrices_are_torchs_maps(drawn, seed):
    op, shape = drawn
    x, w, k, z, g = _numbers(op, shape, seed)
    for i in range(op.groups):
        out, inside = _group(op, i)
        kernel = kernel_matrix(op, k[out], shape)
        rows = g[out].transpose(0, 2, 3, 1).reshape(kernel.shape[0], -1)
        columns = x[inside].reshape(len(rows[0]), -1).T
        np.testing.assert_allclose(kernel @ columns, rows, atol=1e-10)
        np.testing.assert_allclose(
            weight_matrix(op, w[out], shape, z.shape) @ x[inside].ravel(), z[out].ravel(), atol=1e-10
        )
        never_stored = KernelOperator(op, k[out], shape)
        assert never_stored.shape == kernel.shape and never_stored.T.shape == kernel.T.shape
        np.testing.assert_allclose(never_stored @ columns, kernel @ columns, atol=1e-10)
        np.testing.assert_allclose(never_stored.T @ rows, kernel.T @ rows, atol=1e-10)
        np.testing.assert_allclose(never_stored.T @ rows[:, 0], kernel.T @ rows[:, 0], atol=1e-10)


def _system(op: Conv, shape: tuple[int, ...], k=None, seed: int = 0):
    x, w, drawn_k, z, g = _numbers(op, shape, seed)
    if k is not None:
        g = grad.conv2d_weight(
            torch.from_numpy(x)[None], w.shape, torch.from_numpy(k)[None], op.stride, op.padding, op.dilation, op.groups
        ).numpy()
    chosen = drawn_k if k is None else k
    return x, System(op, chosen, w, g, z, np.ones_like(z), np.ones(op.channels, bool))


def _stack(system: System, shape: tuple[int, ...]):
    """[rho K; W] and its right-hand side, dense, of a convolution without groups."""
    kernel = kernel_matrix(system.op, system.k, shape)
    weights = weight_matrix(system.op, system.weight, shape, system.z.shape)
    size = largest_singular(kernel)
    rho = KERNEL_SHARE * largest_singular(weights) / size
    rows = [rho * np.kron(np.eye(shape[0]), kernel), weights.toarray()]
    target = rho * system.gradient.transpose(1, 0, 2, 3).ravel()
    return np.vstack(rows), np.concatenate([target, system.z.ravel()])


CASES = {
    "gradient": (Conv(2, 9, 3, 1, 1, False), (2, 8, 8)),
    "joint": (Conv(2, 8, 4, 2, 2, False), (2, 12, 12)),
    "under-determined": (Conv(3, 3, 3, 2, 1, False), (3, 9, 9)),
}


@pytest.mark.parametrize("route", CASES)
def test_each_route_equals_dense_least_squares(route):
    op, shape = CASES[route]
    x, system = _system(op, shape)
    found = solve([system], shape)
    matrix, right = _stack(system, shape)
    least, _, rank, _ = np.linalg.lstsq(matrix, right, rcond=1e-10)
    assert found.route == route and found.rank == rank and found.deficiency == x.size - rank
    np.testing.assert_allclose(found.x.ravel(), least, atol=1e-6)
    true = np.linalg.norm(found.x - x) / np.linalg.norm(x)
    assert true < 1e-6 if route != "under-determined" else true > 0.1
    assert found.residual < 1e-9


@pytest.mark.parametrize("route", CASES)
@pytest.mark.parametrize("limit", ["MOST_DENSE", "MOST_PIXELS"])
def test_operators_alone_find_the_same(monkeypatch, route, limit):
    op, shape = CASES[route]
    x, system = _system(op, shape)
    monkeypatch.setattr(solver if limit == "MOST_DENSE" else system_module, limit, 0)
    found = solve([system], shape)
    if not (route == "gradient" and limit == "MOST_DENSE"):
        assert found.route == ("matrix-free" if route != "under-determined" else route)
    matrix, right = _stack(system, shape)
    least, _, rank, _ = np.linalg.lstsq(matrix, right, rcond=1e-10)
    assert found.rank == rank
    np.testing.assert_allclose(found.x.ravel(), least, atol=1e-3)


def test_groups_are_solved_apart_and_joined_again():
    op, shape = Conv(4, 24, 3, 1, 1, False, groups=2), (4, 8, 8)
    x, system = _system(op, shape)
    found = solve([system], shape)
    assert found.rank == x.size
    np.testing.assert_allclose(found.x, x, atol=1e-6)


def test_equations_that_are_not_trusted_are_left_out():
    op, shape = CASES["joint"]
    x, system = _system(op, shape)
    trust = np.ones_like(system.z)
    trust[0, :, :3] = 0
    spoilt = System(op, system.k, system.weight, system.gradient, system.z + 100 * (trust == 0), trust, system.shown)
    found = solve([spoilt], shape)
    np.testing.assert_allclose(found.x, x, atol=1e-5)
    assert found.rank == x.size


def test_published_weighting_is_plain_least_squares_of_the_stack():
    op, shape = CASES["joint"]
    x, system = _system(op, shape, seed=2)
    noisy = System(op, system.k, system.weight, system.gradient, system.z + 0.01, system.trust, system.shown)
    found = solve([noisy], shape, balanced=False)
    kernel = np.kron(np.eye(shape[0]), kernel_matrix(op, system.k, shape))
    weights = weight_matrix(op, system.weight, shape, system.z.shape).toarray()
    right = np.concatenate([system.gradient.transpose(1, 0, 2, 3).ravel(), noisy.z.ravel()])
    least, *_ = np.linalg.lstsq(np.vstack([kernel, weights]), right, rcond=1e-10)
    np.testing.assert_allclose(found.x.ravel(), least, atol=1e-7)
    assert np.linalg.norm(found.x - x) > np.linalg.norm(solve([noisy], shape).x - x)


@pytest.mark.parametrize("bias", [False, True])
def test_folded_batch_norm_is_the_layer_that_autograd_sees(bias):
    b = Builder((2, 5, 5))
    b.conv("conv", 3, 3, 1, 1, bias=bias)
    b.add("bn", BatchNorm(3))
    b.add("act", Act("tanh"))
    b.add("flatten", Flatten())
    b.dense("fc", 2)
    graph = b.graph()
    model = GraphModule(graph).double().eval()
    draws = torch.Generator().manual_seed(1)
    for tensor in (*model.parameters(), model.bn.running_mean):
        tensor.data.normal_(generator=draws)
    model.bn.running_var.uniform_(0.5, 2, generator=draws)
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64, generator=draws)
    seen: dict[str, torch.Tensor] = {}
    model.bn.register_forward_hook(lambda module, given, out: seen.update(z=out) or out.retain_grad())
    model(x).square().sum().backward()
    update = Update({n: p.grad for n, p in model.named_parameters()}, images=1)
    found = numbers(chain(graph)[0], model, update)
    z = F.conv2d(x, torch.from_numpy(found.weight), torch.from_numpy(found.bias), padding=1)
    torch.testing.assert_close(z, seen["z"].detach())
    k = seen["z"].grad
    expected = grad.conv2d_weight(x, found.weight.shape, k, padding=1)
    np.testing.assert_allclose(found.gradient, expected.numpy(), atol=1e-10)
    np.testing.assert_allclose(found.bias_gradient, k.sum((0, 2, 3)).numpy(), atol=1e-10)
