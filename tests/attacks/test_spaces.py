"""What can be searched in place of pixels: a grey map, an untrained decoder, a generator's codes; prior pictures."""

from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gi_core import clients, data
from gi_core.attacks import Refused, make
from gi_core.attacks.matching.decoders import read_generator
from gi_core.experiments import preparing
from gi_core.settings import Experiment, problems
from tests.victims import PLAN, advance, experiment

torch.set_num_threads(1)
KINDS = ("dlg", "inverting_gradients", "fl_gradient_inversion", "grad_inversion")
FEW = {"iterations": 2, "trials": 2}


def machine(asked: Experiment):
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    done = clients.play(asked, model, pictures, "cpu")
    return make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu"), pictures


def generator_file(path, codes: int = 5) -> str:
    """A small DCGAN: 1x1 -> 4x4 -> 8x8, as the published generators name their layers."""
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module("0", nn.ConvTranspose2d(codes, 6, 4, 1, 0, bias=False))
    net.add_module("1", nn.BatchNorm2d(6))
    net.add_module("3", nn.ConvTranspose2d(6, 3, 4, 2, 1, bias=False))
    save_file({f"main.{k}": v.contiguous() for k, v in net.state_dict().items()}, path)
    return str(path)


@pytest.mark.parametrize("space", ["grey", "deep_image_prior"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_matching_searches_it(kind, space):
    small = {"inner": 3} if kind == "dlg" else {}
    asked = experiment(
        samples=["bundled/chelsea", "bundled/coffee"],
        client={"kind": "fedavg", "epochs": 2, "learning_rate": 1e-2},
        attack={"kind": kind, "labels": "known", "parametrisation": space, **FEW, **small},
    )  # fmt: skip
    built, _ = machine(asked)
    state = built.init(3)
    state, _ = advance(built, state, 1)
    kept = copy.deepcopy(state)
    whole, again = advance(built, state, 1)[1], advance(built, kept, 1)[1]
    assert torch.equal(whole.images, again.images) and torch.isfinite(whole.images).all()
    assert whole.images.shape == (2, 2, 3, 8, 8)
    if space == "grey":
        assert torch.equal(whole.images[:, :, 0], whole.images[:, :, 2])


def test_a_grey_map_goes_through_the_client_s_normalisation():
    attack = {"kind": "fl_gradient_inversion", "parametrisation": "grey", "labels": "known", "iterations": 1}
    built, _ = machine(experiment(samples=["bundled/chelsea"], normalise="imagenet", attack=attack))
    shown = torch.full((1, 8 * 8), 0.25)
    given = built.problem.space.network(shown)
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    torch.testing.assert_close(given[0, 0, :, 0, 0], (0.25 - mean) / std)
    assert float(built.problem.space.pictures(shown).mean()) == 0.25


def test_a_generator_s_codes_are_searched_and_its_pictures_fit(tmp_path):
    file = generator_file(tmp_path / "g.safetensors")
    attack = {
        "kind": "inverting_gradients",
        "labels": "known",
        "parametrisation": "generator",
        "generator": file,
        **FEW,
    }
    built, pictures = machine(experiment(samples=["bundled/faces:3", "bundled/faces:5"], attack=attack))
    state = built.init(0)
    assert state["z"].shape == (2, 2 * 5)
    _, step = advance(built, state, 2)
    assert (
        step.images.shape == (2, *pictures.images.shape)
        and 0 <= float(step.images.min()) <= float(step.images.max()) <= 1
    )


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"main.0.weight": torch.ones(4, 4)}, "not made of transposed convolutions|no convolution"),
        ({"head.weight": torch.ones(4, 4, 4, 4)}, "of no numbered layer"),
        ({"0.bias": torch.ones(4)}, "not made of transposed convolutions"),
    ],
)
def test_a_file_that_is_no_generator_is_refused(tmp_path, state, says):
    save_file(state, tmp_path / "g.safetensors")
    with pytest.raises(Refused, match=says):
        read_generator(str(tmp_path / "g.safetensors"))


def test_a_prior_picture_is_the_start_and_never_the_private_one():
    attack = {"kind": "fl_gradient_inversion", "labels": "known", "prior": "bundled/coffee", "iterations": 1}
    built, pictures = machine(experiment(samples=["bundled/chelsea"], attack=attack))
    first = built.problem.pictures(built.init(0)["z"])[0, 0].numpy()
    assert abs(first - pictures.prior).max() < 1e-5 < abs(first - pictures.images[0]).max()


@pytest.mark.parametrize(
    ("attack", "says"),
    [
        ({"kind": "inverting_gradients", "parametrisation": "generator"}, "give its file"),
        ({"kind": "inverting_gradients", "start": "prior"}, "asks for a prior picture"),
        ({"kind": "fl_gradient_inversion", "gradient_weight": 0, "batch_norm_weight": 0}, "nothing to match"),
        ({"kind": "fl_gradient_inversion", "gradient_weight": 0}, "needs shared batch norm statistics"),
        ({"kind": "fl_gradient_inversion", "classification": "drifting", "classification_weight": 1}, "choose joint"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(attack, says):
    assert any(says in p.reason for p in problems(experiment(attack=attack)) if p.fatal)
