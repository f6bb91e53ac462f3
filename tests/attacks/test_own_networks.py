"""Attacks on modules as people write them: what holds for the zoo holds for them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gi_core import clients, data
from gi_core.attacks import Refused
from gi_core.attacks.labels.last_layer import last_gradients
from gi_core.attacks.labels.strategies import hard_labels
from gi_core.experiments import preparing
from gi_core.experiments.rank_analysis import measured
from gi_core.networks import build, own
from gi_core.settings import MODELS
from gi_core.settings import build as experiment
from tests.own_modules import SHAPE, STYLES, FunctionalLeNet, InPlace, LogSoftmax
from tests.recovery import recover
from tests.victims import advance, machine


@pytest.fixture
def held():
    """Holds modules, and lets them go."""
    kept = []

    def hold(module, shape=SHAPE):
        kept.append(own.hold(module, shape))
        return kept[-1].model_dump(mode="json")

    yield hold
    for values in kept:
        own.let_go(values)


def ask(model, attack, **values):
    return experiment({"samples": ["bundled/astronaut"], "size": 12, "model": model, "attack": attack, **values})


def drawn(make, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def test_a_sequential_equal_to_cnn6_gives_what_cnn6_gives(held):
    cnn6 = build(MODELS["cnn6"](), (3, 32, 32), 2)
    plain = nn.Sequential(*cnn6.children())
    asked = {"samples": ["bundled/astronaut"], "size": 32, "attack": {"kind": "rgap"}}
    mine = recover(experiment({**asked, "model": held(plain, (3, 32, 32))}))
    zoo = recover(experiment({**asked, "model": {"kind": "cnn6"}}))
    assert mine.psnr[0] > 100 and mine.psnr == zoo.psnr and mine.labels == zoo.labels
    assert [layer.rank for layer in mine.layers] == [layer.rank for layer in zoo.layers]
    assert [layer.name for layer in mine.layers] == ["13", "10", "8", "6", "4", "2", "0"]


def test_a_relu_lenet_is_peeled(held):
    """Written with F.relu and view, its layers made in another order than they are called."""
    found = recover(ask(held(drawn(FunctionalLeNet)), {"kind": "peeling"}))
    assert found.psnr[0] > 60 and found.labels == found.labels_true
    assert [layer.name for layer in found.layers] == ["fc2", "fc1", "conv2", "conv1"]


def test_a_dense_network_gives_its_picture_in_closed_form(held):
    net = drawn(lambda: nn.Sequential(nn.Flatten(), nn.Linear(432, 20), nn.ReLU(), nn.Linear(20, 10)))
    assert recover(ask(held(net), {"kind": "analytic_linear"})).psnr[0] > 80


def test_log_softmax_is_passed_over_under_cross_entropy_alone(held):
    net = held(drawn(LogSoftmax))
    assert recover(ask(net, {"kind": "analytic_linear"})).psnr[0] > 80
    with pytest.raises(Refused, match="ends with log_softmax"):
        machine(ask(net, {"kind": "analytic_linear"}, client={"kind": "fedsgd", "loss": "mse"}))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "attack",
    [
        {"kind": "inverting_gradients", "trials": 3, "iterations": 2},
        {"kind": "dlg", "trials": 2, "iterations": 2, "inner": 3},
        {"kind": "levenberg_marquardt", "iterations": 1, "krylov": 8, "restarts": 0},
    ],
    ids=lambda a: a["kind"],
)  # fmt: skip
def test_matching_runs_on_every_style_with_several_trials(held, style, attack):
    attack, _ = machine(ask(held(drawn(STYLES[style])), {**attack, "labels": "known"}))
    state = attack.init(0)
    before = attack.answer(state)[0].clone()
    state, step = advance(attack, state, 2)
    assert bool(torch.isfinite(step.score[step.best])) and not torch.equal(step.images[step.best].cpu(), before.cpu())


@pytest.mark.parametrize("style", STYLES)
def test_several_trials_take_the_steps_of_each_alone(held, style):
    """Under vmap the network computes what it computes for one trial."""
    settings = {"kind": "inverting_gradients", "iterations": 2, "labels": "known"}
    net = held(drawn(STYLES[style]))
    many, _ = machine(ask(net, {**settings, "trials": 2}))
    one, _ = machine(ask(net, {**settings, "trials": 1}))
    scores = [advance(a, a.init(0), 1)[1].score for a in (many, one)]
    torch.testing.assert_close(scores[0][0], scores[1][0], rtol=1e-3, atol=1e-6)


class Attending(nn.Module):
    """torch's own encoder, or its function for attention; their fused kernels have no second derivative."""

    def __init__(self, encoder: bool):
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, 16, 4, 4), nn.Linear(16, 10)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True) if encoder else None
        self.project = None if encoder else nn.Linear(16, 48)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        if self.encoder is not None:
            return self.head(self.encoder(tokens).mean(1))
        q, k, v = (part[:, None] for part in self.project(tokens).chunk(3, -1))
        return self.head(nn.functional.scaled_dot_product_attention(q, k, v)[:, 0].mean(1))


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("kind", ["inverting_gradients", "levenberg_marquardt"])
def test_attention_is_differentiated_twice(held, encoder, kind):
    more = {"trials": 2, "iterations": 2} if kind == "inverting_gradients" else {"iterations": 1, "krylov": 8}
    before = torch.backends.cuda.flash_sdp_enabled()
    attack, _ = machine(ask(held(drawn(lambda: Attending(encoder))), {"kind": kind, **more}))
    _, step = advance(attack, attack.init(0), 1)
    assert bool(torch.isfinite(step.score[step.best])) and torch.backends.cuda.flash_sdp_enabled() == before


def test_the_gradient_itself_is_matched_well(held):
    convolutions = [nn.Conv2d(k, 12, 5, stride, 2) for k, stride in ((3, 2), (12, 2), (12, 1))]
    layers = [part for conv in convolutions for part in (conv, nn.Sigmoid())]
    model = held(nn.Sequential(*layers, nn.Flatten(), nn.Linear(108, 10))) | {"init": "uniform"}
    attack, truth = machine(ask(model, {"kind": "levenberg_marquardt", "restarts": 0}))
    _, step = advance(attack, attack.init(0), 25)
    assert float((step.images[step.best].cpu() - truth).square().mean()) < 1e-6


def played(model, **values):
    asked = ask(model, {"kind": "inverting_gradients"}, channels=3, **values)
    pictures = data.load(asked)
    network, _ = preparing.prepare(asked, pictures)
    return clients.play(asked, network, pictures, "cpu")


def test_labels_are_read_from_the_last_layer_wherever_it_was_made(held):
    """FunctionalLeNet makes its last layer first."""
    samples = ["bundled/faces:3", "bundled/faces:4", "bundled/faces:5"]
    done = played(held(drawn(FunctionalLeNet)), samples=samples, labels=[7, 2, 5])
    weight, bias = last_gradients(done.update, done.knowledge)
    assert weight.shape == (10, 40) and torch.equal(bias, done.update.tensors["fc2.bias"])
    assert sorted(hard_labels("auto", done.update, done.knowledge).tolist()) == [2, 5, 7]


def test_frozen_layers_are_not_in_the_update_and_the_recursion_says_so(held):
    net = drawn(FunctionalLeNet)
    net.conv2.requires_grad_(False)
    model = held(net)
    done = played(model)
    assert not [name for name in done.update.tensors if name.startswith("conv2")]
    with pytest.raises(Refused, match="conv2.weight was not sent"):
        machine(ask(model, {"kind": "peeling"}))
    assert "2 frozen parameters send no gradient" in " ".join(measured(own.hold(net, SHAPE), SHAPE, 10).notices)


def test_frozen_layers_stay_where_they_are_over_local_steps(held):
    net = drawn(FunctionalLeNet)
    net.conv2.requires_grad_(False)
    done = played(held(net), client={"kind": "fedavg", "epochs": 3})
    assert set(done.update.tensors) == {n for n, p in net.named_parameters() if p.requires_grad}


def test_tied_layers_are_matched_but_not_walked(held):
    def make():
        net = nn.Sequential(nn.Flatten(), nn.Linear(432, 432), nn.Tanh(), nn.Linear(432, 432), nn.Linear(432, 10))
        net[3].weight = net[1].weight
        return net

    model = held(drawn(make))
    with pytest.raises(Refused, match="shared between 1.weight and 3.weight"):
        machine(ask(model, {"kind": "rgap"}))
    attack, _ = machine(ask(model, {"kind": "inverting_gradients", "trials": 2, "iterations": 2}))
    _, step = advance(attack, attack.init(0), 2)
    assert bool(torch.isfinite(step.score).all())


def test_ranks_are_measured_on_the_modules_own_weights(held):
    module = drawn(FunctionalLeNet)
    report = measured(own.hold(module, SHAPE), SHAPE, 10)
    assert [layer.name for layer in report.layers if layer.kind in ("conv", "dense")] == [
        "conv1",
        "conv2",
        "fc1",
        "fc2",
    ]
    assert report.mode == "numeric"


def test_defenses_that_look_for_the_last_layer_find_it(held):
    model = held(drawn(FunctionalLeNet))
    soteria = played(model, defenses=[{"kind": "soteria"}])
    plain = played(model).update.tensors
    changed = [name for name, t in soteria.update.tensors.items() if not torch.equal(t, plain[name])]
    assert changed == ["fc2.weight"]
    precode = played(model, defenses=[{"kind": "precode", "features": 4}])
    assert "fc2.bottleneck.encoder.weight" in precode.update.tensors
    assert last_gradients(precode.update, precode.knowledge)[0].shape == (10, 40)


def test_batch_norm_in_train_mode_of_a_module_of_ones_own(held):
    done = played(
        held(drawn(InPlace)), samples=["bundled/faces:3", "bundled/faces:4"],
        client={"kind": "fedsgd", "batch_norm": "train", "statistics": "shared"},
    )  # fmt: skip
    assert done.knowledge.batch_norm == "train" and "bn1.running_mean" in done.update.statistics
