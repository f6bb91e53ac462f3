"""Every defense: strength zero is none, noise is seeded, and the server learns what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from gi_core import defenses
from gi_core.defenses.pruning import kept
from gi_core.defenses.quantisation import quantise
from gi_core.settings import DEFENSES, SpecError
from gi_core.settings.base import is_basic
from gi_core.settings.defense_base import Changes, Hook
from gi_core.types.updates import Update
from tests.victims import experiment, play

torch.set_num_threads(1)


def update(seed: int = 0) -> Update:
    g = torch.Generator().manual_seed(seed)
    shapes = {"conv.weight": (4, 3, 5, 5), "conv.bias": (4,), "fc.weight": (10, 36), "fc.bias": (10,)}
    return Update({name: torch.randn(shape, generator=g) for name, shape in shapes.items()}, images=1)


def apply(kind: str, seed: int = 0, position: int = 0, **values):
    defense = defenses.make(DEFENSES[kind](**values), seed, position)
    return defense.filter_update(update()), defense.known


def flat(u: Update) -> torch.Tensor:
    return torch.cat([t.flatten() for t in u.tensors.values()])


FILTERS = sorted(kind for kind, settings in DEFENSES.items() if settings.hook == "filter_update")


@pytest.mark.parametrize("kind", sorted(DEFENSES))
def test_every_kind_says_what_it_changes_and_promises(kind):
    settings = DEFENSES[kind]
    assert settings.changes in get_args(Changes) and settings.hook in get_args(Hook)
    assert settings.guarantee and settings.title and settings.description.endswith(".")
    assert any(is_basic(field) for field in settings.model_fields.values())


@pytest.mark.parametrize("kind", sorted(DEFENSES))
def test_every_kind_is_found_and_keeps_names_and_shapes(kind):
    before = update()
    after, known = apply(kind)
    assert known["kind"] == kind
    assert {k: (t.shape, t.dtype) for k, t in after.tensors.items()} == {
        k: (t.shape, t.dtype) for k, t in before.tensors.items()
    }
    assert after.images == 1 and after.kind == "gradient"


NONE = {
    "gaussian_noise": {"std": 0},
    "laplace_noise": {"scale": 0},
    "percentile_noise": {"sigma0": 0},
    "pruning": {"fraction": 0},
    "random_pruning": {"kept": 1},
    "top_k": {"kept": 1, "rounds": 3},
    "clipping": {"norm": 1e6},
    "withheld_layers": {"count": 0},
}
ALWAYS = {"quantisation", "half_precision"}  # every strength of theirs changes something


@pytest.mark.parametrize("kind", FILTERS)
def test_strength_zero_is_exactly_no_defense(kind):
    if kind in ALWAYS:
        assert not torch.equal(flat(apply(kind)[0]), flat(update()))
        return
    after, known = apply(kind, **NONE[kind])
    assert torch.equal(flat(after), flat(update())) and after.withheld == ()
    assert "mask" not in known and not known.get("sigma")


@pytest.mark.parametrize("kind", FILTERS)
def test_the_seed_and_the_place_decide_everything_drawn(kind):
    first, again, seed, place = (flat(apply(kind, s, p)[0]) for s, p in ((0, 0), (0, 0), (1, 0), (0, 1)))
    assert torch.equal(first, again)
    drawn = kind.endswith("noise") or kind.startswith("random")
    assert torch.equal(first, seed) != drawn and torch.equal(first, place) != drawn


@pytest.mark.parametrize("kind", sorted(DEFENSES))
def test_the_given_tensors_are_never_written(kind):
    given_one = update()
    copy = {k: t.clone() for k, t in given_one.tensors.items()}
    defenses.make(DEFENSES[kind](), 0, 0).filter_update(given_one)
    assert all(torch.equal(copy[k], t) for k, t in given_one.tensors.items())


def test_noise_is_seeded_by_experiment_and_position():
    noise = [flat(apply("gaussian_noise", s, p, std=1.0)[0]) for s, p in ((0, 0), (0, 0), (1, 0), (0, 1))]
    assert torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0], noise[2]) and not torch.equal(noise[0], noise[3])
    torch.manual_seed(5)
    assert torch.equal(noise[0], flat(apply("gaussian_noise", std=1.0)[0])), "no global generator is used"
    spread = (noise[0] - flat(update())).std()
    assert 0.9 < spread < 1.1
    assert apply("gaussian_noise", std=0.5)[1] == {"kind": "gaussian_noise", "sigma": 0.5}


def test_laplace_noise_has_its_law():
    noise = flat(apply("laplace_noise", scale=0.5)[0]) - flat(update())
    assert apply("laplace_noise", scale=0.5)[1]["sigma"] == pytest.approx(0.5 * 2**0.5)
    assert 0.45 < noise.abs().mean() < 0.55, "E|n| = b"
    assert 0.63 < noise.std() < 0.79, "sd = sqrt(2) b"
    assert 4.0 < float(((noise - noise.mean()) ** 4).mean() / noise.var() ** 2) < 9.0, (
        "heavier tails than normal (6, not 3)"
    )


def test_percentile_noise_is_in_proportion_to_the_update():
    before = update()
    sizes = flat(before).abs()
    sigma = 0.1 * float(np.percentile(sizes.numpy().astype(np.float64), 95))
    after, known = apply("percentile_noise")
    assert known["sigma"] == pytest.approx(sigma, rel=1e-6)
    assert float((flat(after) - flat(before)).std()) == pytest.approx(sigma, rel=0.15)
    sparse = replace(before, tensors={k: torch.where(t > 1, t, torch.zeros(())) for k, t in before.tensors.items()})
    defense = defenses.make(DEFENSES["percentile_noise"](), 0, 0)
    defense.filter_update(sparse)
    there = flat(sparse)[flat(sparse) != 0]
    assert defense.known["sigma"] == pytest.approx(0.1 * float(np.percentile(there.numpy(), 95)), rel=1e-5), (
        "zeros do not count"
    )


def test_percentile_noise_reaches_shared_statistics_but_no_counter():
    shared = {"kind": "fedavg", "epochs": 2, "batch_norm": "train", "statistics": "shared"}
    asked = experiment(
        samples=["bundled/faces:0", "bundled/faces:100"], model={"kind": "convnet", "width": 2}, client=shared,
        attack={"kind": "inverting_gradients", "labels": "auto"}, size=12,
    )  # fmt: skip
    clean, knowledge, _ = play(asked)
    noisy, server, _ = play(asked.model_copy(update={"defenses": (DEFENSES["percentile_noise"](sigma0=5.0),)}))
    buffers = dict(knowledge.model.named_buffers())
    values = [t for t in clean.tensors.values()]
    values += [t - buffers[k] for k, t in clean.statistics.items() if t.is_floating_point()]
    sizes = torch.cat([t.flatten().abs() for t in values]).double()
    sigma = 5 * float(np.percentile(sizes[sizes > 0].numpy(), 95))
    assert server.defenses[0]["sigma"] == pytest.approx(sigma, rel=1e-6)
    for name, tensor in noisy.statistics.items():
        assert torch.equal(tensor, clean.statistics[name]) == name.endswith("num_batches_tracked")
        assert not name.endswith("running_var") or bool((tensor >= 0).all())


def test_clipping_scales_to_the_bound_and_keeps_the_direction():
    after, known = apply("clipping", norm=0.25)
    assert after.norm() == pytest.approx(0.25, rel=1e-6) and known["clip"] == 0.25
    torch.testing.assert_close(flat(after) / 0.25, flat(update()) / update().norm())


@given(fraction=st.floats(0, 0.999), n=st.integers(1, 200), ties=st.booleans())
@budget(max_examples=60, deadline=None)
def test_pruning_clears_exactly_the_smallest(fraction, n, ties):
    values = torch.randn(n, generator=torch.Generator().manual_seed(n))
    if ties:
        values = values.sign()
    mask = kept(values, fraction)
    assert int((~mask).sum()) == int(fraction * n)
    if mask.any() and not mask.all():
        assert values[mask].abs().min() >= values[~mask].abs().max()


def test_pruning_tells_its_mask():
    after, known = apply("pruning", fraction=0.5)
    for name, tensor in after.tensors.items():
        assert torch.equal(tensor != 0, known["mask"][name])


def test_pruning_of_all_values_together_has_one_threshold():
    before = update()
    after, known = apply("pruning", fraction=0.5, scope="global")
    mask = torch.cat([m.flatten() for m in known["mask"].values()])
    assert int((~mask).sum()) == flat(before).numel() // 2
    assert flat(before)[mask].abs().min() >= flat(before)[~mask].abs().max()
    assert torch.equal(flat(after), flat(before) * mask)
    shares = [float(m.double().mean()) for m in known["mask"].values()]
    assert max(shares) > 0.5 > min(shares)


@pytest.mark.parametrize("kept_share", [0.1, 0.5, 0.9])
def test_random_pruning_keeps_its_share_of_each_tensor(kept_share):
    after, known = apply("random_pruning", kept=kept_share)
    for name, tensor in update().tensors.items():
        mask = known["mask"][name]
        assert int(mask.sum()) == int(np.ceil(kept_share * tensor.numel()))
        assert torch.equal(after.tensors[name], tensor * mask)


@pytest.mark.parametrize("scope", ["tensor", "global"])
def test_top_k_remembers_what_it_left_out(scope):
    """sum of what was sent + remainder = sum of the updates, round after round (error feedback)."""
    memory: dict = {}
    sent, asked = torch.zeros_like(flat(update())), torch.zeros_like(flat(update()))
    for number in range(4):
        defense = defenses.make(DEFENSES["top_k"](kept=0.1, scope=scope), 0, 0)
        defense.recall(memory)
        after = defense.filter_update(update(number))
        memory = defense.remember()
        sent, asked = sent + flat(after), asked + flat(update(number))
        if scope == "global":
            assert int((flat(after) != 0).sum()) == len(asked) - int(0.9 * len(asked))
        torch.testing.assert_close(sent + flat(Update(memory, 1)), asked)
    assert float((flat(after) - flat(update(3))).abs().max()) > 0


def test_earlier_rounds_of_one_client_are_those_of_a_memory():
    memory: dict = {}
    for _ in range(3):
        defense = defenses.make(DEFENSES["top_k"](kept=0.1), 0, 0)
        defense.recall(memory)
        after, memory = defense.filter_update(update()), defense.remember()
    assert torch.equal(flat(after), flat(apply("top_k", kept=0.1, rounds=2)[0]))


@pytest.mark.parametrize(("name", "digits"), [("float16", 11), ("bfloat16", 8)])
def test_half_precision_rounds_to_its_digits(name, digits):
    after, known = apply("half_precision", format=name)
    off = (flat(after) - flat(update())).abs() / flat(update()).abs()
    assert 2.0 ** -(digits + 2) < float(off.max()) <= 2.0**-digits and known["relative_step"] == 2.0 ** (1 - digits)
    large = Update({"w": torch.full((3,), 1e6)}, images=1)
    if name == "float16":
        with pytest.raises(SpecError, match="bfloat16"):
            defenses.make(DEFENSES["half_precision"](), 0, 0).filter_update(large)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_quantisation_levels_error_and_zero(bits):
    values = torch.randn(5000, generator=torch.Generator().manual_seed(1))
    values[:100] = 0
    out = quantise(values, bits)
    assert torch.all(out[:100] == 0), "zero stays zero"
    if bits == 1:
        assert torch.equal(out.sign(), values.sign())
        torch.testing.assert_close(out.abs().max(), values.abs().mean())
    else:
        step = (values.max() - values.min()) / (2**bits - 1)
        assert len(out.unique()) <= 2**bits
        assert (out - values).abs().max() <= step * 1.01
    known = apply("quantisation", bits=bits)[1]
    assert known["levels"] == 2**bits and ("steps" in known) == (bits > 1)
    if bits > 1:
        spread = {k: float(t.max() - t.min()) / (2**bits - 1) for k, t in update().tensors.items()}
        assert known["steps"] == pytest.approx(spread)


def test_quantisation_of_constant_and_zero_tensors():
    assert torch.equal(quantise(torch.zeros(4), 8), torch.zeros(4))
    torch.testing.assert_close(quantise(torch.full((4,), -2.0), 8), torch.full((4,), -2.0))


def test_effect_in_numbers():
    before = update()
    after = Update({k: t * 0.5 for k, t in before.tensors.items()}, images=1)
    e = defenses.effect(before, after)
    assert e["norm_after"] == pytest.approx(e["norm_before"] / 2)
    assert e["cosine"] == pytest.approx(1) and e["relative_change"] == pytest.approx(0.5) and e["zeros"] == 0
    nothing = Update({k: t * 0 for k, t in before.tensors.items()}, images=1)
    assert defenses.effect(nothing, nothing)["cosine"] is None
