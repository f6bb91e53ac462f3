"""The attacker who knows the defenses: each mechanism against its formula, and none of it without the knowledge."""

from __future__ import annotations

import itertools
from dataclasses import replace
from statistics import median

import pytest
import torch

from gi_core.attacks import Refused, make, noise, objectives
from gi_core.attacks.adaptive import told
from gi_core.attacks.beliefs import CONCENTRATED, WRONG_SIGN, Belief, believe
from gi_core.attacks.consistent import make as believed
from gi_core.attacks.priors import add_rounded_variation
from gi_core.attacks.recursion.masked import complete
from gi_core.attacks.residuals import BelievedResidual, Residual
from gi_core.federated.types import Schedule
from gi_core.models.bottleneck import bottlenecks
from gi_core.spec import DEFENSES, problems
from tests.test_attacks_table import TINY_ATTACKS, TINY_DEFENSES
from tests.victims import PLAN, advance, experiment, machine, play

INF = float("inf")
SIZES = [6, 10, 4]
OBJECTIVES = ("l2", "l1", "relative", "max", "cosine", "cosine_local")


def _asked(defenses, attack="inverting_gradients", **settings):
    return experiment(defenses=defenses, attack={"kind": attack, **TINY_ATTACKS[attack], **settings})


def _belief(*defenses):
    update, knowledge, _ = play(_asked(list(defenses)))
    return update, believe(update, knowledge)


# what is believed


def test_what_was_sent_as_it_is_is_believed_exactly():
    update, belief = _belief({"kind": "gaussian_noise", "std": 0})
    assert belief.plain and all(belief.exact(i) for i in range(len(update.tensors)))


def test_cleared_values_lie_within_the_least_that_was_kept():
    update, knowledge, _ = play(_asked([{"kind": "pruning", "fraction": 0.5}]))
    belief = believe(update, knowledge)
    clean, _, _ = play(_asked([]))
    for i, (name, t) in enumerate(update.tensors.items()):
        kept = knowledge.defenses[0]["mask"][name]
        assert torch.equal(belief.low[i][kept], t[kept]) and torch.equal(belief.high[i][kept], t[kept])
        assert (belief.high[i][~kept] == t[kept].abs().min()).all()
        assert ((clean.tensors[name] >= belief.low[i]) & (clean.tensors[name] <= belief.high[i])).all()


@pytest.mark.parametrize("kind", ["random_pruning", "top_k", "soteria"])
def test_other_masks_say_nothing_of_what_was_cleared(kind):
    update, knowledge, _ = play(_asked([{"kind": kind}]))
    belief, mask = believe(update, knowledge), knowledge.defenses[0]["mask"]
    for i, name in enumerate(update.tensors):
        free = ~mask[name] if name in mask else torch.zeros_like(update.tensors[name], dtype=torch.bool)
        assert torch.equal(belief.low[i] == -INF, free) and torch.equal(belief.high[i] == INF, free)


def test_noise_behind_a_mask_hides_the_threshold():
    _, belief = _belief({"kind": "pruning", "fraction": 0.5}, {"kind": "gaussian_noise", "std": 1e-3})
    assert {float(h) for h in torch.cat([h.flatten() for h in belief.high]).abs() if h > 1e30} == {INF}


@pytest.mark.parametrize("defense", [{"kind": "quantisation", "bits": 4}, {"kind": "half_precision"}])
def test_rounding_is_noise_of_its_cell_over_root_twelve(defense):
    update, belief = _belief(defense)
    clean, _, _ = play(_asked([]))
    sent, true = (torch.cat([t.flatten() for t in u.tensors.values()]) for u in (update, clean))
    spread = torch.cat([s.flatten() for s in belief.spread])
    moved = spread > 0
    assert ((sent - true).abs()[moved] <= 0.5 * 12**0.5 * spread[moved] * 1.01).all(), "half a cell at most"
    found = ((sent - true)[moved] / spread[moved]).square().mean().sqrt()
    assert 0.6 < float(found) < 1.2, "and on average as Widrow says"


def test_one_bit_tells_the_sign():
    update, belief = _belief({"kind": "quantisation", "bits": 1})
    for t, low, high, spread in zip(update.tensors.values(), belief.low, belief.high, belief.spread, strict=True):
        assert (low[t > 0] == 0).all() and (high[t > 0] == INF).all() and (high[t < 0] == 0).all()
        torch.testing.assert_close(spread, WRONG_SIGN * t.abs())


def test_variances_add_up_in_a_gradients_units():
    update, knowledge, _ = play(
        _asked([{"kind": "gaussian_noise", "std": 3.0}, {"kind": "laplace_noise", "scale": 8**0.5}])
    )
    assert float(believe(update, knowledge).spread[0].max()) == pytest.approx(5.0)
    sent = replace(update, kind="weight_change")
    schedule = Schedule(steps=2, batch_size=1, learning_rate=0.1)
    assert float(believe(sent, replace(knowledge, schedule=schedule)).spread[0].max()) == pytest.approx(25.0)


def test_the_protective_direction_counts_as_concentrated_noise():
    update, knowledge, _ = play(_asked([]))
    knowledge = replace(knowledge, defenses=({"kind": "protective_direction", "strength": 0.01},))
    sigma, trust = believe(update, knowledge).noise()
    values = sum(t.numel() for t in update.tensors.values())
    assert trust is None and sigma == pytest.approx(CONCENTRATED * 0.01 * update.norm() / values**0.5, rel=1e-5)


def test_only_an_update_at_its_bound_was_clipped():
    norm = play(_asked([]))[0].norm()
    assert _belief({"kind": "clipping", "norm": norm / 2})[1].rescaled
    assert not _belief({"kind": "clipping", "norm": norm * 2})[1].rescaled
    assert _belief({"kind": "clipping", "norm": norm * 2}, {"kind": "gaussian_noise", "std": 0.1})[1].rescaled


# what is counted


def _free(share: float, seed: int = 0, slack: float = INF) -> tuple[torch.Tensor, torch.Tensor, Belief]:
    draws = torch.Generator().manual_seed(seed)
    g, target = (torch.randn(n, 20, dtype=torch.float64, generator=draws) for n in (3, 1))
    free = torch.rand(20, generator=draws) < share
    target = torch.where(free, 0.0, target[0])
    low, high = torch.where(free, -slack, target), torch.where(free, slack, target)
    parts = [list(t.split(SIZES)) for t in (low, high, torch.zeros_like(low))]
    return g, target, Belief(*parts)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_without_anything_to_believe_objectives_are_the_plain_ones(name):
    g, target, belief = _free(0.0)
    weights = [1.0, 0.5, 0.25]
    for found, plain in zip(
        believed(name, target, SIZES, weights, belief)(g), objectives.make(name, target, SIZES, weights)(g), strict=True
    ):
        torch.testing.assert_close(found, plain)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_mask_leaves_out_what_was_not_kept(name):
    g, target, belief = _free(0.4)
    free = torch.cat([t.flatten() for t in belief.low]) == -INF
    kept = ~free
    sizes = [int(part.sum()) for part in kept.split(SIZES)]
    value, slope = believed(name, target, SIZES, [1.0] * 3, belief)(g)
    expected, over = objectives.make(name, target[kept], sizes, [1.0] * 3)(g[:, kept])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope[:, kept], over)
    assert not slope[:, free].any()


@pytest.mark.parametrize("name", ["l2", "l1", "relative"])
@pytest.mark.parametrize("rescaled", [False, True])
def test_the_slope_is_the_derivative_of_the_distance_to_the_box(name, rescaled):
    g, target, belief = _free(0.4, slack=0.3)
    objective = believed(name, target, SIZES, [1.0] * 3, replace(belief, rescaled=rescaled))
    g = 2 * g + target if rescaled else g
    value, slope = objective(g)
    for i in range(20):
        step = torch.zeros(20, dtype=torch.float64)
        step[i] = 1e-6
        torch.testing.assert_close(
            (objective(g + step)[0] - objective(g - step)[0]) / 2e-6, slope[:, i], rtol=1e-5, atol=1e-7
        )
    if not rescaled:
        low, high = belief.flat()
        apart = g - torch.clamp(g, low, high)
        expected = {"l2": (apart**2).sum(1), "l1": apart.abs().sum(1), "relative": apart.norm(dim=1) / target.norm()}[
            name
        ]
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("name", ["l2", "l1", "relative", "max"])
def test_any_larger_multiple_of_a_clipped_gradient_agrees(name):
    _, target, belief = _free(0.0)
    value, slope = believed(name, target, SIZES, [1.0] * 3, replace(belief, rescaled=True))(3 * target[None])
    torch.testing.assert_close(value, torch.zeros_like(value), atol=1e-12, rtol=0)
    smaller, _ = believed(name, target, SIZES, [1.0] * 3, replace(belief, rescaled=True))(0.5 * target[None])
    assert float(smaller) > 0.05, "clipping never makes an update longer"


def test_signs_that_agree_cost_nothing_and_their_sizes_do_not_matter():
    target = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    low, high = torch.where(target > 0, 0.0, -INF), torch.where(target > 0, INF, 0.0)
    belief = Belief([low], [high], [torch.zeros_like(target)])
    g = torch.tensor([[3.0, -0.1, 2.0, -5.0], [3.0, 4.0, 2.0, -5.0]], dtype=torch.float64)
    value, _ = believed("cosine", target, [4], [1.0], belief)(g)
    assert float(value[0]) == pytest.approx(0, abs=1e-12)
    assert float(value[1]) == pytest.approx(1 - (9 + 4 + 25) ** 0.5 / (9 + 16 + 4 + 25) ** 0.5)


def test_each_value_counts_by_its_own_noise():
    g, target, belief = _free(0.0)
    spread = [torch.full((n,), s, dtype=torch.float64) for n, s in zip(SIZES, (1.0, 2.0, 4.0), strict=True)]
    belief = replace(belief, spread=spread)
    sigma, w = belief.noise()
    assert sigma**2 == pytest.approx((6 * 1 + 10 * 4 + 4 * 16) / 20)
    value, slope = believed("l2", target, SIZES, [1.0] * 3, belief)(g)
    torch.testing.assert_close(value, (w * (g - target) ** 2).sum(1))
    torch.testing.assert_close(slope, 2 * w * (g - target))
    torch.testing.assert_close(w, sigma**2 / torch.cat(spread) ** 2)


# the second-order residual


class _Explicit:
    """A Jacobian J^T (P, d) with the products of `JacobianProducts`."""

    def __init__(self, jt: torch.Tensor):
        self.matrix = jt

    def jt(self, v):
        return list((self.matrix @ v).split(SIZES))

    def j(self, parts):
        return self.matrix.T @ torch.cat(parts)

    def jjt(self, v):
        return self.j(self.jt(v))


@pytest.mark.parametrize("rescaled", [False, True])
def test_the_second_order_residual_has_the_slope_and_the_normal_matrix_of_its_squares(rescaled):
    g, target, belief = _free(0.4, slack=0.3)
    belief = replace(belief, rescaled=rescaled)
    value = 2 * target + 0.1 * g[0]
    w = torch.linspace(0.5, 2.0, 20, dtype=torch.float64)
    residual = BelievedResidual(list(target.split(SIZES)), belief, w)
    local = _Explicit(torch.randn(20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(4)))

    def stacked(v):
        return torch.cat(residual.at(list(v.split(SIZES))).parts)

    here = residual.at(list(value.split(SIZES)))
    assert here.squared == pytest.approx(float((stacked(value) ** 2).sum()))
    columns = []
    for k in range(5):
        step = 1e-6 * local.matrix[:, k]
        columns.append((stacked(value + step) - stacked(value - step)) / 2e-6)
        expected = float((stacked(value + step) ** 2).sum() - (stacked(value - step) ** 2).sum()) / 4e-6
        if not rescaled:  # Kaufman's approximation is exact only where the boxes do not bind
            assert float(local.j(here.slope)[k]) == pytest.approx(expected, rel=1e-4, abs=1e-8)
    v = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    if not rescaled:
        jacobian = torch.stack(columns, 1)
        torch.testing.assert_close(here.normal(local, v), jacobian.T @ (jacobian @ v), rtol=1e-4, atol=1e-6)
    assert float(v @ here.normal(local, v)) > 0


def test_a_fitted_factor_makes_the_residual_of_a_multiple_zero():
    _, target, belief = _free(0.0)
    parts = list(target.split(SIZES))
    assert BelievedResidual(parts, replace(belief, rescaled=True), None).at([2 * p for p in parts]).squared < 1e-24
    assert Residual(parts).at([2 * p for p in parts]).squared > 1


# the noise


def test_the_likeliest_picture_of_one_pixel_is_the_weighted_mean():
    sigma, a, seen = 0.3, 2.0, 1.7  # seen = a x + n
    prior = noise.map_prior(sigma, (1.0,), 0.0, 0.0)
    best = (a * seen + sigma**2 / noise.VARIANCE * 0.5) / (a**2 + sigma**2 / noise.VARIANCE)

    def cost(x):
        at = torch.full((1, 1, 1, 1), x, dtype=torch.float64)
        return 0.5 * (a * x - seen) ** 2 + prior.value(at, torch.full_like(at, 0.5))

    assert all(cost(best) < cost(best + step) for step in (-1e-3, 1e-3, -0.1, 0.1))


def test_the_variation_weight_makes_an_objective_the_likelihood_times_a_constant():
    sigma, size, values, picture = 0.01, 30.0, 50_000, 625
    draws = torch.Generator().manual_seed(0)
    target = torch.randn(1, values, dtype=torch.float64, generator=draws)
    target *= size / target.norm()
    off = sigma * torch.randn(1, values, dtype=torch.float64, generator=draws)
    push = torch.randn(1, values, dtype=torch.float64, generator=draws) * sigma * 0.3
    push -= (push * target).sum() / size**2 * target  # a cosine does not see the length
    likelihood = float(((off + push) ** 2).sum() - (off**2).sum()) / (2 * sigma**2)
    for name in ("l2", "cosine", "relative", "l1"):
        objective = objectives.make(name, target[0], [values], [1.0])
        rise = float(objective(target + off + push)[0] - objective(target + off)[0])
        weight = noise.variation_weight(name, sigma, size, values, picture, 1.0)
        assert rise / likelihood == pytest.approx(weight * noise.DIFFERENCE / picture, rel=0.15), name
    assert noise.variation_weight("max", sigma, size, values, picture, 1.0) is None


def test_a_start_that_fits_as_well_as_noise_allows_needs_no_other():
    defended = [{"kind": "gaussian_noise", "std": 1e-3}]
    settings = {"iterations": 30, "krylov": 60, "restarts": 4}
    naive, _ = machine(_asked(defended, "levenberg_marquardt", **settings))
    knowing, _ = machine(_asked(defended, "levenberg_marquardt", adaptive=True, **settings))
    assert knowing.tolerance > naive.tolerance
    state, step = advance(knowing, knowing.init(0), 100)
    assert len(state["ended"]) == 1 and step.note == "the gradient is matched"
    assert advance(naive, naive.init(0), 200)[0]["ended"].__len__() > 1


# who is told


def test_a_naive_attack_is_told_nothing_and_the_adaptive_one_everything():
    asked = _asked([{"kind": "precode", "features": 4}])
    _, knowledge, _ = play(asked)
    assert told(asked.attack, knowledge).defenses == () and bool(bottlenecks(knowledge.model)[0].eps.any())
    knows = asked.attack.model_copy(update={"adaptive": True})
    settled = told(knows, knowledge)
    assert settled.defenses == knowledge.defenses and not bottlenecks(settled.model)[0].eps.any()
    assert bool(bottlenecks(knowledge.model)[0].eps.any()), "the knowledge that was given stays as it is"


@pytest.mark.parametrize("attack", sorted(TINY_ATTACKS))
@pytest.mark.parametrize("kind", ["pruning", "gaussian_noise", "quantisation"])
def test_a_naive_attack_does_the_same_whether_or_not_the_defenses_are_known(attack, kind):
    model = (
        {"kind": "mlp", "hidden": 8}
        if attack == "analytic_linear"
        else {"kind": "lenet", "width": 3, "init": "uniform"}
    )
    asked = experiment(
        defenses=TINY_DEFENSES[kind], model=model, attack={"kind": attack, **TINY_ATTACKS[attack]},
    )  # fmt: skip
    update, knowledge, _ = play(asked)
    assert knowledge.defenses
    answers = []
    for known in (knowledge, replace(knowledge, defenses=())):
        built = make(asked.attack, update, known, plan=PLAN, device="cpu")
        state, _ = advance(built, built.init(0), 3)
        answers.append(built.answer(state)[0])
    assert torch.equal(*answers)


def test_mixed_labels_are_the_target_of_an_attack_that_may_know_labels():
    asked = experiment(
        samples=["bundled/faces:0", "bundled/faces:150"], defenses=[{"kind": "mixing", "partners": "batch"}],
        attack={"kind": "inverting_gradients", "labels": "known", "iterations": 2, "adaptive": True},
    )  # fmt: skip
    update, knowledge, _ = play(asked)
    built = make(asked.attack, update, knowledge, plan=PLAN, device="cpu")
    soft = knowledge.defenses[0]["soft_labels"]
    torch.testing.assert_close(built.problem.seen.target, soft)
    assert ((soft > 0) & (soft < 1)).any()
    naive = make(asked.attack.model_copy(update={"adaptive": False}), update, knowledge, plan=PLAN, device="cpu")
    assert set(naive.problem.seen.target.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("defense", [{"kind": "pruning", "fraction": 0.5}, {"kind": "gaussian_noise"}])
def test_a_bias_that_a_defense_changed_does_not_stand_for_the_delta(defense):
    naive, _ = machine(_asked([defense], "levenberg_marquardt"))
    knowing, _ = machine(_asked([defense], "levenberg_marquardt", adaptive=True))
    assert naive._strategy() == "observed_delta" and knowing._strategy() == "auto"
    exact, _ = machine(_asked([{"kind": "clipping", "norm": 0.01}], "levenberg_marquardt", adaptive=True))
    assert exact._strategy() == "observed_delta"


# every attack and every defense


@pytest.mark.parametrize(
    ("attack", "defense"), list(itertools.product(TINY_ATTACKS, sorted(set(TINY_DEFENSES) - {"none"})))
)
def test_knowing_runs_or_refuses_as_not_knowing_does(attack, defense):
    model = (
        {"kind": "mlp", "hidden": 8}
        if attack == "analytic_linear"
        else {"kind": "lenet", "width": 3, "init": "uniform"}
    )
    outcomes = []
    for knows in (False, True):
        asked = experiment(
            defenses=TINY_DEFENSES[defense], model=model, attack={"kind": attack, **TINY_ATTACKS[attack], "adaptive": knows},
        )  # fmt: skip
        if any(p.fatal for p in problems(asked)):
            outcomes.append("refused")
            continue
        try:
            built, pictures = machine(asked)
            state, step = advance(
                built, built.init(0), 30 if attack in ("analytic_linear", "rgap", "peeling", "rgap_hybrid") else 2
            )
            assert torch.isfinite(built.answer(state)[0]).all() and step.images.shape[1:] == pictures.shape
            outcomes.append("ran")
        except Refused as refusal:
            outcomes.append("refused")
            assert "\n" not in str(refusal)
    assert outcomes[0] == outcomes[1] or (outcomes[0] == "refused" and attack in ("rgap", "rgap_hybrid", "peeling"))


@pytest.mark.parametrize(
    ("attack", "defense", "said"),
    [
        ("inverting_gradients", {"kind": "clipping"}, "a common factor does not change"),
        ("levenberg_marquardt", {"kind": "clipping"}, "a common factor cancels"),
        ("dlg", {"kind": "clipping"}, ""),
        ("dlg", {"kind": "withheld_layers"}, "everyone sees"),
        ("rgap", {"kind": "gaussian_noise"}, "takes every value for exact"),
        ("rgap", {"kind": "pruning"}, ""),
        ("peeling", {"kind": "gaussian_noise"}, ""),
        ("inverting_gradients", {"kind": "mixing"}, "not told labels"),
        ("inverting_gradients", {"kind": "pruning"}, ""),
    ],
)
def test_it_is_said_where_knowing_changes_nothing(attack, defense, said):
    asked = experiment(defenses=[defense], attack={"kind": attack, "adaptive": True})
    told_of = [p.reason for p in problems(asked) if p.field == "attack.adaptive"]
    assert len(told_of) == bool(said) and (
        not said or said.replace("takes", "take") in told_of[0].replace("takes", "take")
    )
    assert all(not p.fatal for p in problems(asked) if p.field == "attack.adaptive")
    naive = experiment(defenses=[defense], attack={"kind": attack})
    assert not [p for p in problems(naive) if p.field == "attack.adaptive"]


def test_every_kind_of_defense_is_in_the_table():
    assert set(TINY_DEFENSES) - {"none"} == set(DEFENSES)


@pytest.mark.parametrize("keep", [0.5, 0.2])
def test_a_dense_gradient_is_completed_from_what_was_kept(keep):
    draws = torch.Generator().manual_seed(1)
    k, x = torch.randn(10, generator=draws).double(), torch.rand(200, generator=draws).double()
    whole, kept = torch.outer(k, x), torch.rand(10, 200, generator=draws) < keep
    done, shown = complete(whole * kept, kept), kept.any(0)
    torch.testing.assert_close(done[:, shown], whole[:, shown], rtol=1e-8, atol=1e-10)
    assert not done[:, ~shown].any()


def test_dense_layers_give_an_exact_picture_back_from_half_of_their_values():
    asked = experiment(
        model={"kind": "mlp"}, defenses=[{"kind": "random_pruning", "kept": 0.5}], attack={"kind": "analytic_linear", "adaptive": True},
    )  # fmt: skip
    built, pictures = machine(asked)
    state, _ = advance(built, built.init(0), 10)
    torch.testing.assert_close(built.answer(state)[0].float(), pictures, atol=1e-4, rtol=0)


def _psnr(defense: dict, attack: dict, index: int) -> float:
    built, pictures = machine(experiment(
        samples=[f"bundled/faces:{index}"], size=25, model={"kind": "lenet", "init": "uniform"}, defenses=[defense], attack=attack,
    ))  # fmt: skip
    state, step = advance(built, built.init(0), 10_000)
    assert step.done
    return float(-10 * torch.log10(((built.answer(state)[0].float().clamp(0, 1) - pictures) ** 2).mean()))


def _median(defense: dict, attack: dict) -> float:
    return median(_psnr(defense, attack, i) for i in (3, 20, 57))


SECOND = {"kind": "levenberg_marquardt", "restarts": 1}
SEARCH = {"kind": "dlg", "trials": 1, "iterations": 100}
FIRST = {"kind": "inverting_gradients", "iterations": 1000}


def test_rounded_variation_and_its_gradient():
    x = torch.randn(2, 1, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gradient = torch.ones_like(x)
    value = add_rounded_variation(x, 0.5, gradient)
    leaf = x.clone().requires_grad_(True)
    expected = sum((leaf.diff(dim=a) ** 2 + 1e-4).sqrt().flatten(1).mean(1) for a in (-1, -2))
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(gradient, 1 + 0.5 * torch.autograd.grad(expected.sum(), leaf)[0])


def test_where_values_are_missing_the_prior_fades_with_the_residual():
    masked = [{"kind": "random_pruning", "kept": 0.3}]
    knowing, _ = machine(_asked(masked, "levenberg_marquardt", adaptive=True, iterations=9))
    state = knowing.init(0)
    state, _ = knowing.step(state)
    after = state["residual"]
    state, _ = knowing.step(state)
    assert knowing.prior.mu == pytest.approx(noise.FADING * after / state["x"].numel(), rel=1e-9)
    naive, _ = machine(_asked(masked, "levenberg_marquardt", iterations=9))
    advance(naive, naive.init(0), 2)
    assert naive.prior.mu == 0


@pytest.mark.slow
@pytest.mark.parametrize("attack", [SECOND, SEARCH, FIRST], ids=lambda a: a["kind"])
@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_pruning_hurts_the_naive_attacker_and_less_the_one_who_knows_the_mask(attack, fraction):
    defense = {"kind": "pruning", "fraction": fraction}
    without = _median({"kind": "pruning", "fraction": 0}, attack)
    naive, knowing = _median(defense, attack), _median(defense, {**attack, "adaptive": True})
    print(f"{attack['kind']} {fraction}: {without:.1f} none, {naive:.1f} naive, {knowing:.1f} knowing")
    assert naive < without + 0.5 and knowing > naive + (0 if fraction == 0.2 and attack is FIRST else 2)


@pytest.mark.slow
@pytest.mark.parametrize("attack", [SECOND, SEARCH, FIRST], ids=lambda a: a["kind"])
def test_four_bits_hurt_less_who_knows_the_cells(attack):
    defense = {"kind": "quantisation", "bits": 4}
    assert _median(defense, {**attack, "adaptive": True}) > _median(defense, attack) + (-0.5 if attack is FIRST else 2)


@pytest.mark.slow
@pytest.mark.parametrize("attack", [SECOND, FIRST], ids=lambda a: a["kind"])
def test_one_bit_hides_the_face_only_from_who_takes_signs_for_sizes(attack):
    defense = {"kind": "quantisation", "bits": 1}
    assert _median(defense, {**attack, "adaptive": True}) > _median(defense, attack) + 5


@pytest.mark.slow
@pytest.mark.parametrize("attack", [SECOND, SEARCH, FIRST], ids=lambda a: a["kind"])
@pytest.mark.parametrize("std", [1e-4, 1e-3, 1e-2])
def test_knowing_the_noise_is_never_worse(attack, std):
    defense = {"kind": "gaussian_noise", "std": std}
    gain = _median(defense, {**attack, "adaptive": True}) - _median(defense, attack)
    assert gain > (-0.5 if attack is FIRST and std < 1e-2 else 1)
