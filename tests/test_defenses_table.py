"""Every defense: strength zero is none, noise is seeded, and the server learns what it says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from gi_core import defenses
from gi_core.defenses.pruning import kept
from gi_core.defenses.quantisation import quantise
from gi_core.federated.types import Update
from gi_core.spec import DEFENSES

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


@pytest.mark.parametrize("kind", sorted(DEFENSES))
def test_every_kind_is_found_and_keeps_names_and_shapes(kind):
    before = update()
    after, known = apply(kind)
    assert known["kind"] == kind
    assert {k: (t.shape, t.dtype) for k, t in after.tensors.items()} == {
        k: (t.shape, t.dtype) for k, t in before.tensors.items()
    }
    assert after.images == 1 and after.kind == "gradient"


@pytest.mark.parametrize(
    "kind, values",
    [("gaussian_noise", {"std": 0}), ("pruning", {"fraction": 0}), ("clipping", {"norm": 1e6})],
)
def test_strength_zero_is_exactly_no_defense(kind, values):
    assert torch.equal(flat(apply(kind, **values)[0]), flat(update()))


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
    assert apply("quantisation", bits=bits)[1]["levels"] == 2**bits


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
