"""Vision transformers in closed form: exact where the equations suffice, what is open said and smoothed, others refused."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from gi_core.attacks import make
from gi_core.attacks.base import Refused
from gi_core.attacks.recursion.transformer import attention, smoothing, solving
from gi_core.networks import own
from gi_core.networks.tokens import tokens_of
from gi_core.settings import problems
from tests.recovery import PLAN, ask, open_attack, recover

VIT = {"kind": "vit", "hidden": 96, "heads": 3, "depth": 2, "patch": 8}
"""16 patches of 192 values at 32 pixels."""


def local(**more):
    return {"kind": "fedavg", "learning_rate": 0.05, **more}


def test_one_gradient_gives_the_picture_and_what_it_expects_of_itself():
    found = recover(ask(VIT, "transformer", size=32))
    assert found.psnr[0] > 90 and found.labels == found.labels_true
    rank, patches = found.layers
    assert rank.rank == 16 and patches.deficiency == 0 and patches.name == "encoder.pos_embedding"
    expected = -20 * torch.tensor(patches.error).log10()
    assert abs(float(expected) - found.psnr[0]) < 3
    assert max(found.attack.residual(found.state).values()) < 1e-3


def test_checkpoints_change_nothing():
    narrow = {**VIT, "hidden": 12}
    once, saved = (recover(ask(narrow, "transformer", size=32), saved=s) for s in (False, True))
    assert torch.equal(once.attack.answer(once.state)[0], saved.attack.answer(saved.state)[0])


def test_what_the_hidden_size_leaves_open_is_filled_in_by_smoothness():
    narrow = {**VIT, "hidden": 12}
    asked = ask(narrow, "transformer", size=32)
    assert any("5 directions are not in the gradient" in p.reason and not p.fatal for p in problems(asked))
    found = recover(asked)
    plain = recover(ask(narrow, {"kind": "transformer", "rounds": 0}, size=32))
    assert found.layers[1].deficiency >= 4 * 192 and "filled in by smoothness" in found.step.note
    assert found.psnr[0] > plain.psnr[0] + 1


def test_smoothing_stays_inside_the_solution_set():
    """S^T P is what it was; total variation is not."""
    draws = torch.Generator().manual_seed(0)
    positions = torch.randn(16, 12, dtype=torch.float64, generator=draws)
    patches = torch.rand(16, 4, dtype=torch.float64, generator=draws)
    free = solving.complement(torch.linalg.svd(positions.T)[2][:12], 16)

    def to_picture(p):
        return p.view(4, 4, 2, 2).permute(0, 2, 1, 3).reshape(1, 8, 8)

    def back(x):
        return x.view(4, 2, 4, 2).permute(0, 2, 1, 3).reshape(16, 4)

    def variation(p):
        x = to_picture(p)
        return float(x.diff(dim=-1).abs().sum() + x.diff(dim=-2).abs().sum())

    nothing = torch.zeros(4, dtype=torch.float64), torch.zeros(4, 4, dtype=torch.float64)
    lift = smoothing.Lift(lambda z: free @ z, lambda p: free.T @ p)
    smoother = smoothing.Inside(lift, *nothing, to_picture, back).round(patches, 0.0)
    torch.testing.assert_close(positions.T @ smoother, positions.T @ patches, rtol=1e-9, atol=1e-9)
    assert variation(smoother) < 0.9 * variation(patches)


@pytest.mark.parametrize("std", [1e-7, 1e-5, 1e-3])
def test_the_expected_error_follows_the_noise(std):
    asked = ask(VIT, {"kind": "transformer", "rounds": 0}, size=32, defenses=[{"kind": "gaussian_noise", "std": std}])
    found = recover(asked)
    expected = float(-20 * torch.tensor(found.layers[1].error).log10())
    assert abs(expected - found.psnr[0]) < 5


def withheld(asked, *names):
    attack, truth, _ = open_attack(asked)
    cut = replace(attack.update, withheld=names)
    return make(asked.attack, cut, attack.knowledge, plan=PLAN, device="cpu"), truth


def run(attack):
    state, step = attack.init(0), None
    while step is None or not step.done:
        state, step = attack.step(state)
    return attack.answer(state)[0], step


@pytest.mark.parametrize("hidden", [96, 192])
def test_without_the_positions_the_first_attention_places_the_patches(hidden):
    asked = ask({**VIT, "hidden": hidden}, "transformer", size=32)
    attack, truth = withheld(asked, "encoder.pos_embedding")
    picture, step = run(attack)
    assert float(-10 * ((picture - truth) ** 2).mean().log10()) > 45 and "first attention" in step.note


def test_a_hidden_size_that_cannot_place_patches_is_refused():
    with pytest.raises(Refused, match="15 equations for 17 unknowns at a hidden size of 32"):
        withheld(ask({**VIT, "hidden": 32, "heads": 2}, "transformer", size=32), "encoder.pos_embedding")


def test_patches_that_were_not_sent_are_asked_for():
    with pytest.raises(Refused, match=r"conv_proj\.weight, was not sent"):
        withheld(ask(VIT, "transformer", size=32), "conv_proj.weight")


def test_exact_numbers_give_exact_patches():
    """Both routes in double precision, on tokens whose gradients are made here."""
    draws = torch.Generator().manual_seed(1)

    def normal(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=draws)

    count, width, values = 6, 24, 10
    patches, kernel, offset = normal(count, values), normal(width, values), normal(count, width)
    back = normal(count, width)
    gradient = back.T @ patches
    solved = solving.solve(back, gradient, torch.zeros(values, dtype=torch.float64), 1.0, 1e-16)
    assert float((solved.patches - patches).abs().max()) < 1e-9 and solved.free.shape[1] == 0
    norm = nn.LayerNorm(width).double()
    norm.weight.data, norm.bias.data = normal(width), normal(width)
    tokens = norm(torch.cat([normal(1, width), patches @ kernel.T + offset])).detach()
    reading = [normal(width, count + 1) @ tokens for _ in range(3)]
    placed = attention.place(
        attention.beyond_tokens(reading, count + 1), attention.patch_space(gradient, count), kernel, offset,
        [attention.Norm(norm.weight.detach(), norm.bias.detach())], 1e-16,
    )  # fmt: skip
    assert placed.rank == placed.unknowns == count + 1
    assert float((placed.patches - patches).abs().max()) < 1e-7


class Mine(nn.Module):
    """A transformer as a person writes it: other names, no class token, a linear head on the mean."""

    def __init__(self, prefix=0, frozen=False):
        super().__init__()
        self.cut = nn.Conv2d(3, 64, 8, 8)
        self.where = nn.Parameter(torch.randn(1, 16 + prefix, 64) * 0.1, requires_grad=not frozen)
        self.extra = nn.Parameter(torch.randn(1, prefix, 64)) if prefix else None
        self.blocks = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(64, 4, 128, 0.0, batch_first=True, norm_first=True),
            2,
            enable_nested_tensor=False,
        )
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        z = self.cut(x).flatten(2).transpose(1, 2)
        if self.extra is not None:
            z = torch.cat([self.extra.expand(len(z), -1, -1), z], 1)
        return self.head(self.blocks(z + self.where).mean(1))


def made(factory, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return factory()


@pytest.mark.parametrize("prefix", [0, 2])
@pytest.mark.parametrize("frozen", [False, True], ids=["learned", "frozen"])
def test_a_network_of_ones_own_is_known_by_what_it_does(prefix, frozen):
    network = made(lambda: Mine(prefix, frozen))
    held = own.hold(network, (3, 32, 32))
    try:
        tokens = tokens_of(network, (3, 32, 32))
        assert tokens is not None and tokens.positions == "where" and tokens.prefix == prefix
        assert tokens.reading == ("blocks.layers.0.self_attn.in_proj_weight",)
        found = recover(ask(held.model_dump(mode="json"), "transformer", size=32))
    finally:
        own.let_go(held)
    assert found.psnr[0] > (40 if frozen else 80) and found.labels == found.labels_true


def test_a_network_without_positions_is_refused_before_it_runs():
    reasons = [p.reason for p in problems(ask({"kind": "lenet"}, "transformer", size=32)) if p.fatal]
    assert len(reasons) == 1 and "adds no positions" in reasons[0]
    plain = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.Flatten(), nn.LayerNorm(256), nn.Linear(256, 10))
    assert tokens_of(plain, (3, 32, 32)) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {
                "samples": ["bundled/astronaut", "bundled/coffee"],
                "client": local(),
                "attack": {"kind": "transformer", "weight_decay": "searched"},
            },
            "weight decay is searched for",
        ),
        ({"client": local(epochs=2, optimiser="adam")}, "Adam divides every value"),
        ({"client": local(epochs=2, clip_value=0.1)}, "clipping each value"),
        ({"defenses": [{"kind": "precode"}]}, "random bottleneck"),
    ],
    ids=["decay of a batch", "adam", "clipped values", "bottleneck"],
)
def test_what_it_cannot_do_is_one_sentence_before_the_run(values, words):
    fatal = [p.reason for p in problems(ask(VIT, **{"attack": "transformer", "size": 32, **values})) if p.fatal]
    assert any(words in reason for reason in fatal), fatal


def test_a_head_of_zeros_hides_the_picture_and_that_is_said():
    """As torchvision makes it. After a step the head is along the last layer norm's output, which that norm's slope takes out."""

    def zero(network):
        nn.init.zeros_(network.heads.head.weight)

    with pytest.raises(Refused, match="a head that starts at zero"):
        recover(ask(VIT, "transformer", size=32), prepare=zero)
    found = recover(ask(VIT, "transformer", size=32, client=local(epochs=3)), prepare=zero)
    assert found.psnr[0] < 30 and found.layers[1].deficiency > 0 and "filled in by smoothness" in found.step.note


@pytest.mark.slow
def test_vit_b32_gives_a_photograph_away():
    vit = {"kind": "vit", "hidden": 768, "heads": 12, "depth": 12, "patch": 32}
    found = recover(ask(vit, "transformer", size=224))
    assert found.psnr[0] > 95 and found.layers[1].deficiency == 0


@pytest.mark.slow
def test_vit_ti16_is_five_directions_short():
    vit = {"kind": "vit", "hidden": 192, "heads": 3, "depth": 12, "patch": 16}
    found = recover(ask(vit, "transformer", size=224))
    assert found.layers[1].deficiency >= 5 * 768 and found.psnr[0] > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "prefix", "least"),
    [
        ("timm:vit_small_patch32_224", 1, 60),
        ("timm:deit_tiny_distilled_patch16_224", 2, 35),
        ("timm:vit_base_patch32_clip_224", 1, 60),
    ],
)
def test_transformers_of_timm_are_known_by_what_they_do(source, prefix, least):
    """With two prefix tokens, and with a layer norm in front of the blocks, too."""
    if find_spec("timm") is None:
        pytest.skip("timm is not installed")
    asked = ask({"kind": "library", "source": source}, "transformer", size=224)
    found = recover(asked)
    assert found.attack.tokens.prefix == prefix and found.psnr[0] > least
