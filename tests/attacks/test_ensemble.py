"""The ensemble: it takes what its members find, chooses by the update alone, spends no more than its budget, and says how it went."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch

from gi_core import clients, data, networks
from gi_core.analysis.left_open import departure
from gi_core.attacks import Refused, explaining, make
from gi_core.attacks.ensemble.evidence import Evidence
from gi_core.attacks.ensemble.members import members
from gi_core.attacks.ensemble.reading import read
from gi_core.attacks.ensemble.verdict import LINEAR, UNKNOWN, beyond_linear, lost
from gi_core.settings.attacks import Auto, ClosedForm
from gi_core.settings.registry import ATTACKS
from tests.victims import PLAN, advance, experiment, machine, play

BATCH = {"samples": ["bundled/faces:3", "bundled/faces:150"]}


def _asked(**values):
    return experiment(attack={"kind": "auto", "iterations": 60}, **values)


def _ended(asked):
    built, pictures = machine(asked)
    state, step = advance(built, built.init(0), 500)
    assert step.done
    return built, state, step, pictures


def _error(built, state, pictures) -> float:
    return float((built.answer(state)[0].clamp(0, 1) - pictures).square().mean())


def test_a_closed_form_ends_it_with_an_exact_picture_and_the_rest_is_not_needed():
    built, state, step, pictures = _ended(_asked())
    assert _error(built, state, pictures) < 1e-8
    knows = built.knows(state)
    assert knows["verdict"] == "exact" and step.note.startswith("exact")
    states = {one["kind"]: one["state"] for one in knows["tried"]}
    assert states["analytic_linear"] == "refused" and states["rgap"] == "tried"
    assert states["fl_gradient_inversion"] == "not needed" and set(states.values()) == {
        "tried",
        "refused",
        "not needed",
    }


def test_every_closed_form_of_the_registry_is_asked_and_says_itself_why_it_refuses():
    built, state, _, _ = _ended(_asked(**BATCH))
    rows = {one["kind"]: one for one in built.knows(state)["tried"]}
    assert {kind for kind, cls in ATTACKS.items() if issubclass(cls, ClosedForm)} < set(rows)
    update, knowledge, _ = play(_asked(**BATCH))
    for kind, row in rows.items():
        if row["state"] == "refused" and issubclass(ATTACKS[kind], ClosedForm):
            with pytest.raises(Refused) as refusal:
                make(ATTACKS[kind](), update, knowledge, plan=PLAN, device="cpu")
            assert str(refusal.value) == row["why"]


def test_the_best_by_the_update_wins_and_the_budget_is_kept():
    wide = {
        "model": {"kind": "lenet", "width": 1, "init": "uniform"},
        "size": 12,
    }  # sends fewer values than the picture has
    built, state, step, _ = _ended(_asked(**wide))
    rows = [one for one in built.knows(state)["tried"] if one["state"] == "tried"]
    assert [one["kind"] for one in rows][-2:] == ["levenberg_marquardt", "fl_gradient_inversion"]
    least = min(rows, key=lambda one: one["score"])
    assert least["best"] and state["best"]["kind"] == least["kind"] and float(step.score[0]) == least["score"]
    assert sum(one["evaluations"] for one in rows) <= 60 + 200  # a second-order step that has begun is ended
    assert torch.equal(step.images[0], built.answer(state)[0])


def test_one_search_has_all_that_is_left_of_the_budget():
    built, state, _, _ = _ended(_asked(**BATCH))
    rows = {one["kind"]: one for one in built.knows(state)["tried"]}
    assert rows["inverting_gradients"]["evaluations"] == 60
    assert "nothing near" in rows["levenberg_marquardt"]["why"]


def test_matching_begins_at_the_best_picture_so_far():
    update, knowledge, pictures = play(experiment())
    for kind in ("inverting_gradients", "levenberg_marquardt"):
        built = make(ATTACKS[kind](), update, knowledge, plan=PLAN, device="cpu")
        state = built.init_near(pictures, 0)
        where = built.problem.pictures(state["z"])[0] if kind == "inverting_gradients" else built.answer(state)[0]
        torch.testing.assert_close(where.double(), pictures.double(), atol=1e-6, rtol=0)


def test_a_resumed_ensemble_equals_the_uninterrupted_one():
    whole, pictures = machine(_asked(**BATCH))
    expected, last = advance(whole, whole.init(1), 30)
    first, _ = machine(_asked(**BATCH))
    half, _ = advance(first, first.init(1), 12)
    file = io.BytesIO()
    torch.save(half, file)
    file.seek(0)
    second, _ = machine(_asked(**BATCH))
    resumed, step = advance(second, torch.load(file, weights_only=True), 18)
    assert step.iteration == last.iteration and torch.equal(step.images, last.images)
    assert torch.equal(whole.answer(expected)[0], second.answer(resumed)[0])


def test_noise_is_read_from_the_last_layer_and_makes_the_smoother_of_two_answers_win():
    noisy = experiment(size=12, defenses=[{"kind": "gaussian_noise", "std": 3e-3}])
    update, knowledge, pictures = play(noisy)
    clean, _, _ = play(experiment(size=12))
    true = (sum((update.tensors[n] - t).square().sum() for n, t in clean.tensors.items()) ** 0.5) / update.norm()
    noise = read(update, knowledge).noise
    assert noise == pytest.approx(float(true), rel=0.3) and read(clean, knowledge).noise < 1e-5
    evidence, labels = Evidence(update, knowledge, noise), torch.tensor([0])
    rough = pictures + 0.02 * torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))
    assert evidence.of(pictures, labels).score < evidence.of(rough, labels).score


def test_an_exact_update_is_certain_of_the_true_picture_alone():
    update, knowledge, pictures = play(experiment())
    evidence = Evidence(update, knowledge, 0.0)
    assert evidence.certain(evidence.of(pictures, torch.tensor([0])).residual)
    assert not evidence.certain(evidence.of(pictures + 1e-3, torch.tensor([0])).residual)
    assert evidence.of(pictures * float("nan"), torch.tensor([0])).residual is None


def test_a_kink_keeps_second_order_steps_for_answers_that_are_near():
    update, knowledge, _ = play(experiment(model={"kind": "lenet", "width": 3, "activation": "relu"}))
    assert read(update, knowledge).kinked
    smooth, about, _ = play(experiment())
    assert not read(smooth, about).kinked
    kinds = [member.kind for member in members(Auto(), smooth, about, read(smooth, about))]
    assert kinds[-1] == "fl_gradient_inversion" and kinds.index("levenberg_marquardt") == len(kinds) - 2


def test_the_label_that_fits_is_kept_beside_a_picture_that_fits():
    update, knowledge, pictures = play(experiment())
    found = Evidence(update, knowledge, 0.0).of(pictures, torch.tensor([1]))
    assert found.labels.tolist() == [0] and found.residual < 1e-5


def test_a_picture_of_many_that_explain_the_update_is_not_called_exact():
    model = {"kind": "lenet", "width": 3, "init": "uniform"}
    built, state, _, pictures = _ended(
        experiment(samples=["bundled/astronaut"], size=12, model=model, attack={"kind": "auto", "iterations": 200})
    )
    assert state["best"]["residual"] < 1e-3 and _error(built, state, pictures) > 1e-4
    assert built.knows(state)["verdict"] != "exact"


def test_what_was_cleared_is_read_from_the_gap_about_zero_and_allowed_for():
    model = {"kind": "lenet", "width": 6, "init": "uniform"}
    update, knowledge, _ = play(experiment(size=12, model=model, defenses=[{"kind": "pruning", "fraction": 0.3}]))
    found = read(update, replace(knowledge, defenses=())).pruned
    assert found is not None and found["kind"] == "pruning"
    for name, mask in knowledge.defenses[0]["mask"].items():
        assert torch.equal(found["mask"][name], mask & (update.tensors[name] != 0))
    relu, about, _ = play(experiment(model={"kind": "mlp", "hidden": 64}))
    assert read(relu, about).pruned is None and bool((relu.tensors["fc1.weight"] == 0).any())


def test_noise_is_what_is_left_alike_in_all_tensors():
    clean, knowledge, pictures = play(experiment(model={"kind": "lenet", "width": 12, "init": "uniform"}))
    draws = torch.Generator().manual_seed(0)
    noisy = {n: t + 1e-3 * torch.randn(t.shape, generator=draws) for n, t in clean.tensors.items()}
    update, labels = replace(clean, tensors=noisy), torch.tensor([0])
    evidence = Evidence(update, knowledge, 0.0)
    assert evidence.of(pictures, labels).even
    assert not evidence.of(pictures * 0.5, labels).even
    assert not lost({"residual": 0.7, "even": True}) and lost({"residual": 0.7, "even": False})


def test_a_picture_that_the_network_is_sure_of_explains_its_update():
    """float32 makes another p - 1 of it than float64; what was sent stands in for it."""
    asked = experiment(model={"kind": "lenet", "width": 6})
    pictures = data.load(asked)
    model = networks.build(asked.model, pictures.images.shape[1:], pictures.classes)
    with torch.no_grad():
        last = list(model.parameters())[-1]
        last[0] += 16.0
    sent = clients.play(asked, model, pictures, "cpu")
    update, knowledge, images = sent.update, sent.knowledge, torch.from_numpy(pictures.images)
    assert float(list(update.tensors.values())[-1].abs().max()) < 1e-5
    assert explaining.residual(update, knowledge, images, torch.tensor([0]))[0] < 1e-5
    assert explaining.residual(update, knowledge, images, torch.tensor([1]))[0] > 1e-2
    cut = {**update.tensors, "fc.bias": update.tensors["fc.bias"] * torch.tensor([1.0, 0.0])}
    assert explaining.residual(replace(update, tensors=cut), knowledge, images, torch.tensor([0]))[0] > 1e-2


def test_a_texture_is_expected_to_be_farther_off_than_a_smooth_answer():
    draws = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 1, 16, 16, generator=draws, dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(noise[..., :4, :4], (16, 16), mode="bicubic")
    texture, smooth = (0.5 + 0.15 * (x - x.mean()) / x.std() for x in (noise, smooth))
    assert departure(torch.full((1, 1, 16, 16), 0.5)) == 0.0 < departure(smooth) < 0.5 * departure(texture)
    assert beyond_linear(0.13, smooth) < UNKNOWN < beyond_linear(0.13, texture)
    assert beyond_linear(0.9 * LINEAR, texture) == 0.9 * LINEAR  # there the error is linear
    assert LINEAR <= beyond_linear(1.01 * LINEAR, smooth) < beyond_linear(0.5, texture) <= 1.0
