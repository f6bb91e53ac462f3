"""SPEAR on batches whose pictures are known, and the cases in which it must fail in words."""

from __future__ import annotations

import pytest
import torch

from gi_core.analysis.rank.counting import counted
from gi_core.attacks import Refused
from gi_core.attacks.recursion.spear.directions import Candidates, Sieve
from gi_core.attacks.recursion.spear.elimination import settled
from gi_core.attacks.recursion.spear.reading import read
from gi_core.attacks.recursion.spear.unmixing import unmix
from gi_core.settings import problems
from gi_core.settings.networks import LeNet, Mlp
from gi_core.settings.spear_bounds import proposals
from tests.victims import advance, experiment, machine

FACES = [f"bundled/faces:{k}" for k in (0, 60, 120, 180, 150, 90, 3, 33)]
WIDE = {"kind": "mlp", "hidden": 200}


def attacked(**asked):
    """(largest error of each picture, labels, closing note, residuals) of a run to its end."""
    question = experiment(**{"size": 12, "model": WIDE, "attack": {"kind": "spear"}, **asked})
    made, pictures = machine(question)
    state, step = advance(made, made.init(0), 999)
    answer, labels = made.answer(state)
    far = (answer[:, None] - pictures.double()[None]).abs().flatten(2).amax(2).amin(0)
    return far, labels, step.note, made.residual(state)


def planted(units=120, pictures=5, inputs=40, noise=0.0):
    """(G, A, X, W, c) of a layer whose units are off by chance."""
    draw = torch.Generator().manual_seed(3)
    x, w = (torch.randn(shape, generator=draw, dtype=torch.float64) for shape in ((pictures, inputs), (units, inputs)))
    a = torch.randn(units, pictures, generator=draw, dtype=torch.float64) * (w @ x.T > 0)
    g = a @ x
    return g + noise * torch.randn(g.shape, generator=draw, dtype=g.dtype), a, x, w, torch.zeros(units).double()


def true_directions(reading, a):
    q = (reading.u.T @ a).T
    return q / q.norm(dim=1, keepdim=True)


def test_eight_pictures_of_one_single_precision_gradient_come_back_to_its_rounding():
    far, _, note, residual = attacked(samples=FACES)
    assert far.max() < 1e-6 and max(residual.values()) < 1e-5
    assert "8 pictures" in note and "100 % of the masks agree" in note and "not to be trusted" not in note


def test_local_steps_with_momentum_and_weight_decay_change_nothing():
    client = {
        "kind": "fedavg", "epochs": 2, "batch_size": 2, "learning_rate": 0.02, "momentum": 0.9, "weight_decay": 1e-3,
    }  # fmt: skip
    far, labels, note, _ = attacked(samples=FACES[:3], client=client)
    assert sorted(labels.tolist()) == [0, 0, 1]
    assert far.max() < 1e-4 and "weights that moved since" in note and "not to be trusted" not in note


def test_one_step_is_a_gradient_whose_replay_proves_the_pictures():
    far, labels, note, residual = attacked(samples=FACES[:3], client={"kind": "fedavg", "weight_decay": 1e-2})
    assert far.max() < 1e-3 and max(residual.values()) < 1e-2
    assert sorted(labels.tolist()) == [0, 0, 1] and "their gradient differs from the update" in note


def test_equal_pictures_merge_and_are_counted():
    far, labels, note, _ = attacked(samples=[*FACES[:3], FACES[0]])
    assert far.max() < 1e-6 and "3 of 4 pictures, as equal ones merge" in note and int(labels.min()) >= 0


def test_a_narrow_layer_gives_nothing_and_says_how_far_it_came():
    _, labels, note, residual = attacked(
        samples=FACES, model={"kind": "mlp", "hidden": 26}, attack={"kind": "spear", "proposals": 20_000, "starts": 32}
    )
    assert residual == {} and int(labels.max()) == -1
    assert "of 8 directions were found" in note and "raise attack.proposals" in note


def test_behind_convolutions_features_are_exact_and_pictures_are_searched_from_them():
    """Of two classes all columns of A are multiples of one slope, so differences of columns must be told from columns."""
    rows = [
        {"kind": "conv", "channels": 16, "activation": "tanh"},
        {"kind": "dense", "features": 200, "activation": "relu"},
    ]
    far, _, note, _ = attacked(
        samples=FACES[:2], size=8, model={"kind": "custom", "layers": [rows[0], {**rows[1], "bias": True}]},
        attack={"kind": "spear", "inversion": 60},
    )  # fmt: skip
    assert far.max() < 1e-3 and "features that enter layer layer2 are exact" in note


def test_without_a_bias_the_brightness_is_named_as_a_guess():
    model = {
        "kind": "custom",
        "layers": [{"kind": "dense", "features": 200, "activation": "relu", "bias": False}, {"kind": "dense", "features": 30}],
    }  # fmt: skip
    _, _, note, _ = attacked(samples=FACES[:3], model=model)
    assert "brightness of each picture is set by its range" in note


def test_relative_noise_of_a_thousandth_is_read_off_and_blurs_the_pictures_alone():
    g, a, x, w, c = planted()
    noisy = planted(noise=1e-3 * float(g.square().mean().sqrt()))[0]
    reading = read(noisy, torch.float64, 5)
    assert reading.read == 5 and reading.share == pytest.approx(1e-3, rel=0.2)
    q = Sieve(reading, 0.12).refined(true_directions(reading, a)).q
    found = unmix(Sieve(reading, 0.12), q, a.sum(1), w, c)
    off = (found.x[:, None] - x[None]).square().mean(2).sqrt().amin(1)
    assert ((off / found.errors).log2().abs() < 1).all()  # the error that it expects, within a factor of two
    assert len(q) == 5 and (found.x[:, None] - x[None]).abs().amax(2).amin(1).max() < 0.05


def test_sums_of_two_columns_lose_against_their_parts():
    g, a, _, _, _ = planted()
    sieve = Sieve(read(g, torch.float64, 5), 0.0)
    true = true_directions(sieve.reading, a)
    pairs = torch.stack([true[i] + true[j] for i in range(5) for j in range(i)])
    both = torch.cat([pairs / pairs.norm(dim=1, keepdim=True), true])
    ones = torch.ones(len(both), dtype=torch.int64)
    kept = sieve.joined(Candidates.none(5), Candidates(both, sieve.zeros(both).sum(0), ones))
    assert len(kept.q) == 5 and (kept.q @ true.T).abs().amax(1).min() > 1 - 1e-9


def test_a_sum_with_a_direction_that_is_known_is_taken_apart():
    g, a, _, _, _ = planted()
    sieve = Sieve(read(g, torch.float64, 5), 0.0)
    true = true_directions(sieve.reading, a)
    mixed = true.clone()
    mixed[4] = 0.3 * true[4] + 0.7 * true[0] - 0.5 * true[2]
    mixed[4] /= mixed[4].norm()
    count = sieve.zeros(mixed).sum(0)
    found = settled(sieve, Candidates(mixed, count, torch.ones_like(count)))
    assert (found.q @ true.T).abs().amax(0).min() > 1 - 1e-9


def test_a_wrong_basis_fits_the_bias_and_not_the_masks():
    g, a, _, w, c = planted()
    sieve = Sieve(read(g, torch.float64, 5), 0.0)
    true = true_directions(sieve.reading, a)
    wrong = true.clone()
    wrong[0] = true[0] + true[1]
    right, other = (unmix(sieve, q, a.sum(1), w, c) for q in (true, wrong))
    assert max(right.residual, other.residual) < 1e-9
    assert right.agreed == 1.0 and other.agreed < 0.99


def test_the_rank_reads_every_batch_and_sees_when_it_is_full():
    for pictures in (1, 2, 7, 16):
        assert read(planted(pictures=pictures)[0], torch.float64, 99).read == pictures
    assert read(planted(pictures=60)[0], torch.float64, 99).saturated


def test_expected_proposals():
    assert proposals(8) == pytest.approx(856, rel=0.01)
    assert proposals(16) == pytest.approx(2.4e5, rel=0.02) and proposals(1) == 1.0


def test_rank_analysis_says_what_a_batch_takes():
    said = counted(Mlp(hidden=400), (1, 28, 28), 10).notices[-1]
    assert (
        "Layer fc1" in said and "of 196 at the most" in said and "860 proposals for 8" in said and "from 28 on" in said
    )
    assert not any("SPEAR" in words for words in counted(LeNet(), (1, 28, 28), 10).notices)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"model": {**WIDE, "activation": "leaky_relu"}}, "leaky_relu, which switches no unit off"),
        ({"model": {"kind": "lenet"}}, "SPEAR reads a dense layer with ReLU"),
        ({"model": {"kind": "linear"}}, "SPEAR reads a dense layer with ReLU"),
        ({"model": {"kind": "mlp", "hidden": 20}}, "8 pictures need 12"),
        ({"model": {"kind": "mlp", "hidden": 6}, "channels": 3}, "the rank of its gradient is full"),
        ({"client": {"kind": "fedavg", "optimiser": "adam"}}, "leaves no rank to read"),
        ({"client": {"kind": "fedavg", "clip_value": 0.1}}, "clipping each value leaves no rank to read"),
        (
            {
                "samples": [f"bundled/faces:{k}" for k in range(40)], "model": {"kind": "mlp", "hidden": 400},
                "attack": {"kind": "spear", "engine": "sampling"},
            },
            "choose engine irls, or fewer pictures",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_and_by_the_attack(asked, words):
    question = experiment(**{"samples": FACES, "size": 12, "model": WIDE, "attack": {"kind": "spear"}, **asked})
    reasons = [p.reason for p in problems(question) if p.fatal]
    assert len(reasons) == 1 and words in reasons[0]
    if "engine" not in words:
        with pytest.raises(Refused) as refused:
            machine(question)
        assert str(refused.value) == reasons[0]


def test_a_run_that_is_taken_up_again_ends_with_the_same_pictures(tmp_path):
    made, _ = machine(experiment(samples=FACES[:4], size=12, model=WIDE, attack={"kind": "spear"}))
    whole, _ = advance(made, made.init(0), 99)
    state, _ = advance(made, made.init(0), 2)
    torch.save(state, tmp_path / "state.pt")
    again, _ = advance(made, torch.load(tmp_path / "state.pt", weights_only=True), 99)
    assert torch.allclose(made.answer(whole)[0], made.answer(again)[0], rtol=0, atol=1e-12)
