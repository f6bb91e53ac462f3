"""Batches of a vision transformer: pictures told apart by the first attention, previews above the bound, and no trust in less."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from gi_core.attacks.base import Refused
from gi_core.attacks.recursion.transformer import attention, commutant, coset, separating, verdict
from gi_core.attacks.recursion.transformer.mixture import Mixture
from gi_core.attacks.recursion.transformer.preview import Preview
from gi_core.attacks.recursion.transformer.projections import Projection, Projections
from gi_core.attacks.recursion.transformer.searching import Searching
from gi_core.settings import problems
from tests.recovery import ask, open_attack, psnr, recover

VIT = {"kind": "vit", "hidden": 96, "heads": 3, "depth": 2, "patch": 8}
"""16 patches of 192 values at 32 pixels; 3 pictures are told apart."""
PICTURES = tuple(f"bundled/{name}" for name in ("astronaut", "coffee", "chelsea", "retina", "ihc"))


def matched(found):
    """dB of each original with the picture that is its own, and the places of those."""
    answer = found.attack.answer(found.state)[0]
    scores = torch.tensor([psnr(answer, truth.expand_as(answer)) for truth in found.truth])
    rows, columns = linear_sum_assignment(-scores.numpy())
    return scores[rows, columns].tolist(), columns.tolist()


def asked(count, attack="transformer", **more):
    return ask(VIT, attack, size=32, samples=PICTURES[:count], **more)


def test_two_pictures_come_back_with_their_labels_and_a_proof():
    found = recover(asked(2), saved=True)
    scores, places = matched(found)
    assert min(scores) > 75
    assert [found.labels[place] for place in places] == found.labels_true
    facts = found.state["facts"]
    assert facts["replayed"] < 1e-4 and verdict.believed(facts) and "trusted" not in found.step.note
    assert "this update mixes 2 pictures of 16 patches" in found.layers[0].note
    assert max(found.attack.residual(found.state).values()) < 1e-3


def test_the_second_engine_takes_steps_that_can_be_resumed(monkeypatch):
    monkeypatch.setattr(commutant, "dense", lambda *_: False)
    once, saved = (recover(asked(2), saved=through_a_file) for through_a_file in (False, True))
    assert once.step.iteration > 5 and min(matched(once)[0]) > 60
    assert torch.equal(once.attack.answer(once.state)[0], saved.attack.answer(saved.state)[0])


def test_two_layer_norms_in_front_of_the_attention_change_nothing():
    """As CLIP has them."""
    found = recover(ask({**VIT, "family": "clip"}, "transformer", size=32, samples=PICTURES[:2]))
    assert len(found.attack.tokens.norms) == 2 and min(matched(found)[0]) > 70


def test_known_labels_are_given_to_the_pictures_they_belong_to():
    found = recover(ask(VIT, {"kind": "transformer", "labels": "known"}, size=32, samples=PICTURES[:2]))
    assert [found.labels[place] for place in matched(found)[1]] == found.labels_true


def test_noise_ends_in_pictures_that_are_not_believed():
    found = recover(asked(2, defenses=[{"kind": "gaussian_noise", "std": 1e-4}]))
    assert min(matched(found)[0]) < 30
    assert not verdict.believed(found.state["facts"]) and "not to be trusted" in found.step.note


def test_a_factor_on_the_update_hides_nothing():
    found = recover(asked(2, defenses=[{"kind": "clipping"}]))
    scores, places = matched(found)
    assert min(scores) > 70 and verdict.believed(found.state["facts"])
    assert [found.labels[place] for place in places] == found.labels_true


def test_one_step_of_weight_decay_is_a_gradient():
    client = {"kind": "fedavg", "learning_rate": 0.05, "epochs": 1, "weight_decay": 0.01}
    assert min(matched(recover(asked(2, client=client)))[0]) > 40  # a change of weights has lost digits


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"samples": PICTURES}, "3 at most are told apart"),
        ({"client": {"kind": "fedavg", "epochs": 5}}, "local steps move"),
    ],
    ids=["five pictures", "local steps"],
)
def test_above_the_bound_a_preview_is_announced_and_called_one(values, words):
    question = ask(VIT, "transformer", size=32, **{"samples": PICTURES[:2], **values})
    said = [p for p in problems(question) if words in p.reason]
    assert len(said) == 1 and not said[0].fatal and "preview" in said[0].reason
    found = recover(question)
    assert isinstance(found.attack.way, Preview)
    assert found.step.note.startswith("a preview, no reconstruction") and words in found.step.note
    answer = found.attack.answer(found.state)[0]
    left = found.attack.residual(found.state)
    assert torch.equal(answer[0], answer[1]) and (not left or max(left.values()) > 0.1)


def test_what_does_not_even_have_a_preview_is_refused_in_one_sentence():
    question = ask({**VIT, "hidden": 48}, "transformer", size=32, samples=PICTURES)
    fatal = [p.reason for p in problems(question) if p.fatal]
    assert len(fatal) == 1 and "do not come back" in fatal[0]
    with pytest.raises(Refused) as refusal:
        open_attack(question)
    assert str(refusal.value) == fatal[0]


# the equations, on tokens whose gradients are made here


def normal(draws, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=draws)


def attended(pictures, patches, prefix, width, heads, biased=True):
    """Tokens (B, T, D), the prefix and the projections' gradients, of scores' gradients that are drawn, rows of sum zero."""
    draws = torch.Generator().manual_seed(pictures + 10 * prefix)
    tokens, known, depth = normal(draws, pictures, patches, width), normal(draws, prefix, width), width // heads
    weights = [normal(draws, width, width) / width**0.5 for _ in range(3)]
    biases = [normal(draws, width) if biased else torch.zeros(width, dtype=torch.float64) for _ in range(3)]
    gradients = [torch.zeros(width, width, dtype=torch.float64) for _ in range(3)]
    slopes = [torch.zeros(width, dtype=torch.float64) for _ in range(3)]
    for own in tokens:
        z = torch.cat([known, own])
        for h in range(heads):
            rows = slice(h * depth, (h + 1) * depth)
            q, k = (z @ weights[i][rows].T + biases[i][rows] for i in range(2))
            scores = normal(draws, len(z), len(z))
            scores = scores - scores.mean(1, keepdim=True)
            for i, back in enumerate((scores @ k, scores.T @ q, normal(draws, len(z), depth))):
                gradients[i][rows] += back.T @ z
                slopes[i][rows] += back.sum(0)
    parts = [
        Projection(w, g, b if biased else None, s if biased else None)
        for w, g, b, s in zip(weights, gradients, biases, slopes, strict=True)
    ]
    return tokens, known, Projections(*parts, heads)


def apart(tokens, known, spans, mixture):
    """Worst distance of a picture's tokens from the span that is nearest to them."""
    worst = 0.0
    for own in tokens:
        bases = [mixture.tokens(inside) for inside in spans]
        worst = max(worst, min(float((own - own @ b.T @ b).norm() / own.norm()) for b in bases))
    return worst


@pytest.mark.parametrize("engine", ["dense", "gradients"])
@pytest.mark.parametrize(
    ("prefix", "biased"), [(1, True), (0, True), (2, True), (5, True), (1, False), (0, False), (2, False)]
)
def test_pictures_are_told_apart_whatever_stands_before_the_patches(prefix, biased, engine):
    tokens, known, projections = attended(3, 4, prefix, 48, 3, biased)
    mixture = Mixture(projections, known, 12)
    assert attention.rank_of(mixture.singular, 12) == 12
    operator = commutant.Commutant(mixture.equations())
    if engine == "dense":
        found, sizes = commutant.null_space(operator, 3, 0)
        assert float(sizes[2]) < 1e-6 * float(sizes[3])
    else:
        state = commutant.started(operator, 0)
        while not commutant.further(operator, state):
            assert state["iterations"] < 10_000
        found = commutant.projected(operator, state)[None]
    cut = separating.separated(found, 3, 4, 0)
    assert cut.spread < 1e-6 and apart(tokens, known, cut.spans, mixture) < 1e-6


def test_the_bound_is_sharp():
    """Width 64, 4 heads: 4 * 16 * 15 = 960 equations, enough for 28^2 - 7 unknowns of 7 pictures, not for 32^2 - 8 of 8."""
    gaps = []
    for count in (7, 8):
        _, known, projections = attended(count, 4, 1, 64, 4)
        mixture = Mixture(projections, known, 4 * count)
        _, sizes = commutant.null_space(commutant.Commutant(mixture.equations()), count, 0)
        gaps.append(float(sizes[count - 1] / sizes[count]))
    assert gaps[0] < 1e-6 and gaps[1] > 1e-2


def test_every_picture_lies_in_the_coset():
    draws = torch.Generator().manual_seed(0)
    patches, back = normal(draws, 3, 4, 20), normal(draws, 3, 4, 16)
    gradient = torch.einsum("ntd,ntv->dv", back, patches)
    found = coset.coset(gradient, back.sum(0), 12)
    assert found.misfit < 1e-12 and found.free.shape == (8, 20)
    for own in patches:
        rest = own - found.shared
        torch.testing.assert_close(rest, rest @ found.free.T @ found.free, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            found.places @ found.rows @ own.T, torch.eye(4, dtype=own.dtype), rtol=1e-9, atol=1e-9
        )


@pytest.mark.slow
def test_two_photographs_through_a_vit_b32():
    vit = {"kind": "vit", "hidden": 768, "heads": 12, "depth": 12, "patch": 32}
    found = recover(ask(vit, "transformer", size=224, normalise="0.5/0.5", samples=PICTURES[:2]))
    assert min(matched(found)[0]) > 75 and verdict.believed(found.state["facts"])


def test_prefix_tokens_that_are_equal_take_no_direction_away():
    """Those of a fresh DeiT are both zero."""
    _, known, projections = attended(2, 4, 1, 48, 3)
    assert len(Mixture(projections, known.expand(2, -1), 8).apart) == 0
    assert len(Mixture(projections, torch.cat([known, known + 1]), 8).apart) == 1


# searched for, where equations do not tell pictures apart


TINY = {"kind": "vit", "hidden": 24, "heads": 3, "depth": 1, "patch": 8}
"""4 patches at 16 pixels."""


def searched(steps, **more):
    client = {"kind": "fedavg", "epochs": 2, "learning_rate": 0.01}
    attack = {"kind": "transformer", "search": steps}
    return ask(TINY, attack, size=16, samples=PICTURES[:2], **{"client": client, "normalise": "0.5/0.25", **more})


def test_pictures_that_were_told_apart_are_finished_by_all_that_was_sent():
    """In single precision the cut between them is the worst of their error."""
    told = {}
    for steps in (0, 3):
        found = recover(asked(2, attack={"kind": "transformer", "search": steps}), saved=True)
        told[steps] = min(matched(found)[0]), found.state["facts"]["replayed"], found.step.iteration
        assert found.step.iteration <= found.attack.steps
    (before, misfit, _), (after, less, iterations) = told[0], told[3]
    assert after > before + 5 and less < misfit / 3 and iterations > 5


def test_nothing_is_finished_of_an_update_that_was_rescaled():
    """Of it pictures are told apart all the same, and their own gradient is another one."""
    clipped = [{"kind": "clipping", "norm": 0.01}]
    found = recover(ask(VIT, {"kind": "transformer", "search": 3}, size=32, samples=PICTURES[:2], defenses=clipped))
    assert found.step.iteration == 5 and min(matched(found)[0]) > 60


@pytest.mark.slow
def test_two_pictures_behind_two_local_steps_are_found_among_those_that_the_equations_allow():
    question = searched(40)
    assert any("searched for from a preview" in p.reason for p in problems(question))
    found = recover(question, saved=True)
    assert isinstance(found.attack.way, Searching) and "trusted" not in found.step.note
    assert min(matched(found)[0]) > 60 and found.step.iteration < found.attack.steps
    assert max(found.attack.residual(found.state).values()) < 1e-3


def test_a_search_that_ends_too_soon_is_not_believed():
    found = recover(searched(2))
    assert found.step.iteration == found.attack.steps and "they are not to be trusted" in found.step.note
    assert min(matched(found)[0]) < 40


def test_a_preview_with_nothing_left_open_is_left_as_it_is():
    preview = Preview.__new__(Preview)
    state = {"iteration": 2, "patches": torch.ones(4, 3), "free": torch.zeros(0, 3)}
    assert preview.step(state) is None and torch.equal(state["patches"], torch.ones(4, 3))
