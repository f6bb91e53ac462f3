"""Properties of the engine: formulas against autograd, batches against single trials, resume."""

from __future__ import annotations

import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_core.attacks import objectives
from gi_core.attacks.priors import SmoothPrior, add_total_variation, median_filter
from gi_core.networks.losses import as_target, cross_entropy
from gi_core.numerics.gradient import GradientMap
from gi_core.numerics.jacobian import JacobianProducts
from gi_core.numerics.lanczos import ShiftedSolver
from gi_core.numerics.lbfgs import Lbfgs
from gi_core.settings.plan import Plan
from tests.victims import PLAN, advance, experiment, machine, play

SIZES = [6, 10, 4]


def _problem(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(3, 20, dtype=torch.float64, generator=draws), torch.randn(
        20, dtype=torch.float64, generator=draws
    )


def _by_definition(name: str, g: torch.Tensor, t: torch.Tensor, w: list[float]) -> torch.Tensor:
    parts = list(zip(g.split(SIZES, 1), t.split(SIZES), w, strict=True))
    if name == "l2":
        return sum(k * ((a - b) ** 2).sum(1) for a, b, k in parts)
    if name == "l1":
        return sum(k * (a - b).abs().sum(1) for a, b, k in parts)
    if name == "max":
        return sum(k * (a - b).abs().amax(1) for a, b, k in parts)
    if name == "cosine":
        dot, a2, b2 = (
            sum(k * f(a, b) for a, b, k in parts)
            for f in (lambda a, b: a @ b, lambda a, b: (a * a).sum(1), lambda a, b: (b * b).sum())
        )
        return 1 - dot / (a2.sqrt() * b2.sqrt())
    return sum(1 - k * (a @ b) / (a.norm(dim=1) * b.norm()) for a, b, k in parts)


@pytest.mark.parametrize("name", ["l2", "l1", "max", "cosine", "cosine_local"])
@pytest.mark.parametrize("weighting", ["equal", "linear", "exponential"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_objectives_equal_their_definition_and_its_derivative(name, weighting, seed):
    g, target = _problem(seed)
    weights = objectives.depth_weights(weighting, [0, 1, 2], 3)
    value, cotangent = objectives.make(name, target.split(SIZES), weights)(g.split(SIZES, 1))
    cotangent = torch.cat(cotangent, 1)
    leaf = g.clone().requires_grad_(True)
    expected = _by_definition(name, leaf, target, weights)
    (derivative,) = torch.autograd.grad(expected.sum(), leaf)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(cotangent, derivative)


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_total_variation_and_its_gradient(count, height, width, seed):
    x = torch.randn(count, 2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    gradient = torch.ones_like(x)
    value = add_total_variation(x, 0.5, gradient)
    leaf = x.clone().requires_grad_(True)
    terms = [leaf.diff(dim=a).abs().flatten(1) for a in (-1, -2) if x.shape[a] > 1]
    expected = sum(t.mean(1) for t in terms) if terms else torch.zeros(count, dtype=torch.float64)
    torch.testing.assert_close(value, expected.detach() if terms else expected)
    if terms:
        torch.testing.assert_close(gradient, 1 + 0.5 * torch.autograd.grad(expected.sum(), leaf)[0])


def test_median_filter_removes_a_lone_pixel():
    x = torch.zeros(1, 1, 1, 5, 5)
    x[..., 2, 2] = 1
    assert median_filter(x).abs().max() == 0


@pytest.mark.parametrize("history", [4, 100])
def test_lbfgs_equals_torch_for_each_problem(history):
    def value(z):
        return (5 * (z[:, 1:] - z[:, :-1] ** 2) ** 2).sum(1) + ((1 - z[:, :-1]) ** 2).sum(1)

    def evaluate(z, _):
        leaf = z.detach().requires_grad_(True)
        v = value(leaf)
        return v.detach(), torch.autograd.grad(v.sum(), leaf)[0]

    starts = torch.randn(3, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.3
    ours = Lbfgs(lr=0.1, history=history)
    points = starts.clone()
    state = ours.init(points)
    for _ in range(4):
        ours.step(state, points, torch.arange(3), evaluate)
    for trial in range(3):
        z = starts[trial : trial + 1].clone().requires_grad_(True)
        theirs = torch.optim.LBFGS([z], lr=0.1, max_iter=20, history_size=history)

        def closure(z=z, theirs=theirs):
            theirs.zero_grad()
            loss = value(z).sum()
            loss.backward()
            return loss

        for _ in range(4):
            theirs.step(closure)
        torch.testing.assert_close(points[trial], z.detach()[0], rtol=1e-8, atol=1e-8)


def test_lanczos_solves_every_shift():
    draws = torch.Generator().manual_seed(3)
    root = torch.randn(30, 30, dtype=torch.float64, generator=draws)
    a, b = root @ root.T, torch.randn(30, dtype=torch.float64, generator=draws)
    solver = ShiftedSolver(lambda v: a @ v, b, 30, lambda top: 1e-9 * top, eta=1e-12)
    for shift in (1e-3, 1.0, 100.0):
        expected = torch.linalg.solve(a + shift * torch.eye(30, dtype=torch.float64), b)
        torch.testing.assert_close(solver.solve(shift), expected, rtol=1e-6, atol=1e-8)
    assert solver.largest == pytest.approx(float(torch.linalg.eigvalsh(a)[-1]), rel=1e-8)


def test_jacobian_products_agree_with_the_explicit_jacobian():
    update, knowledge, pictures = play(experiment(size=6))
    gradient = GradientMap(knowledge, cross_entropy, PLAN, torch.float64, torch.device("cpu"))
    x = pictures.double()
    target = as_target(torch.tensor([0]), knowledge.classes, x)
    products = JacobianProducts(gradient, x, target)
    explicit = torch.autograd.functional.jacobian(
        lambda v: torch.cat([g.reshape(-1) for g in gradient(v[None], target[None])]), x
    )
    explicit = explicit.reshape(explicit.shape[0], -1)
    draws = torch.Generator().manual_seed(0)
    v = torch.randn(x.numel(), dtype=torch.float64, generator=draws)
    b = [torch.randn(t.shape, dtype=torch.float64, generator=draws) for t in update.tensors.values()]
    torch.testing.assert_close(torch.cat([p.reshape(-1) for p in products.jt(v)]), explicit @ v)
    torch.testing.assert_close(products.j(b), explicit.T @ torch.cat([p.reshape(-1) for p in b]))
    torch.testing.assert_close(products.jjt(v), explicit.T @ (explicit @ v))


def test_smooth_prior_gradient_is_the_derivative():
    prior = SmoothPrior(0.3, 0.2)
    draws = torch.Generator().manual_seed(0)
    x, origin = (torch.rand(1, 1, 4, 5, dtype=torch.float64, generator=draws) for _ in range(2))
    gradient = prior.gradient(x, origin)
    for index in ((0, 0, 1, 2), (0, 0, 3, 4)):
        up, down = x.clone(), x.clone()
        up[index] += 1e-6
        down[index] -= 1e-6
        slope = (prior.value(up, origin) - prior.value(down, origin)) / 2e-6
        assert float(gradient[index]) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize(
    "plan", [Plan(onednn=False, chunk=8), Plan(onednn=True, channels_last=True, chunk=2), Plan(onednn=False, chunk=1)]
)
@pytest.mark.parametrize("model", ["lenet", "convnet"])
def test_every_plan_gives_the_same_gradient(plan, model):
    asked = experiment(
        size=12,
        model={"kind": model, "width": 3},
        attack={"kind": "inverting_gradients", "trials": 3, "precision": "float64"},
    )
    reference, _ = machine(asked, Plan(onednn=False, chunk=8))
    other, _ = machine(asked, plan)
    z = reference.init(0)["z"]
    expected, _ = reference.problem.evaluate(z)
    found, _ = other.problem.evaluate(z)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


ALONE = [
    {"kind": "dlg", "restarts": 0, "small_gradients": "published"},
    {"kind": "idlg", "restarts": 0, "small_gradients": "published"},
    {"kind": "inverting_gradients", "iterations": 40},
    {"kind": "inverting_gradients", "objective": "l2", "optimiser": "sgd", "learning_rate": 0.01, "iterations": 40},
    {"kind": "inverting_gradients", "tensors": "random8", "iterations": 40, "scoring": "total_variation"},
]


@pytest.mark.parametrize("attack", ALONE, ids=lambda a: a["kind"] + a.get("optimiser", "") + a.get("tensors", ""))
def test_each_trial_of_a_batch_equals_that_trial_alone(attack):
    together, _ = machine(experiment(attack={**attack, "trials": 3, "precision": "float64"}))
    batch = together.init(5)
    batch["trials"].update(live=[True] * 3, begun=[True] * 3)  # a search begins its trials one after another
    steps = (
        2 if attack["kind"] in ("dlg", "idlg") else 20
    )  # more L-BFGS steps amplify the rounding of another order of sums
    for _ in range(steps):
        batch, step = together.step(batch)
        if step.done:
            break
    for trial in range(3):
        alone, _ = machine(experiment(attack={**attack, "trials": 1, "precision": "float64"}))
        state = alone.init(5)
        start = alone.problem.draw(5, trial, 0)
        state["z"].copy_(start[None])
        state["best"].copy_(start[None])
        state, _ = advance(alone, state, step.iteration)
        torch.testing.assert_close(batch["z"][trial], state["z"][0], rtol=1e-6, atol=1e-6)


EVERY = [
    {"kind": "dlg", "trials": 2, "inner": 4},
    {"kind": "idlg", "trials": 1, "inner": 4},
    {"kind": "inverting_gradients", "trials": 2, "iterations": 30, "tensors": "random8"},
    {"kind": "inverting_gradients", "optimiser": "lbfgs", "signed": False, "iterations": 12},
    {"kind": "levenberg_marquardt", "iterations": 2, "restarts": 9, "krylov": 6, "tolerance": 1e-25},
    {"kind": "rgap"},
    {"kind": "peeling", "total_variation_rounds": 2, "matching": 4},
    {"kind": "rgap_hybrid", "matching": 4},
]

RECURSIONS = ("rgap", "peeling", "rgap_hybrid")


@pytest.mark.parametrize("attack", EVERY, ids=lambda a: a["kind"] + a.get("optimiser", ""))
def test_a_resumed_attack_equals_the_uninterrupted_one(attack):
    asked = experiment(attack=attack)
    whole, _ = machine(asked)
    expected, last = advance(whole, whole.init(1), 7)
    first, _ = machine(asked)
    half, _ = advance(first, first.init(1), 3)
    file = io.BytesIO()
    torch.save(half, file)
    file.seek(0)
    second, _ = machine(asked)
    resumed, step = advance(second, torch.load(file, weights_only=True), 4)
    assert step.iteration == last.iteration
    torch.testing.assert_close(step.images, last.images, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(whole.answer(expected)[0], second.answer(resumed)[0], rtol=0, atol=0)


@pytest.mark.parametrize("attack", EVERY, ids=lambda a: a["kind"] + a.get("optimiser", ""))
def test_the_same_seed_gives_the_same_pictures_and_another_seed_others(attack):
    pictures = []
    for seed in (3, 3, 4):
        built, _ = machine(experiment(attack=attack))
        _, step = advance(built, built.init(seed), 3)
        pictures.append(step.images.clone())
    assert torch.equal(pictures[0], pictures[1])
    if attack["kind"] not in RECURSIONS:  # they draw nothing
        assert pictures[0].shape != pictures[2].shape or not torch.equal(pictures[0], pictures[2])
