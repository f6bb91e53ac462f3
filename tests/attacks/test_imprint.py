"""A layer of bins in front of a network: pictures alone in their bins come back, and what is said of the others is true."""

from __future__ import annotations

import pytest
import torch

from gi_core import attacks
from gi_core.attacks.base import Refused
from gi_core.common.progress import silent
from gi_core.experiments.setup import ask
from gi_core.networks.imprint import bins_of, imprinted
from gi_core.settings import DEFENSES, SpecError, build, problems
from gi_core.settings.imprint_checks import IN_FRONT
from gi_core.settings.plan import Plan
from gi_core.settings.servers import Imprint
from tests.attacks.test_table import FITTING, TINY_ATTACKS, TINY_DEFENSES

CPU = torch.device("cpu")


def question(pictures: int = 6, bins: int = 64, **values):
    values = {
        "attack": {"kind": "imprint"},
        "server": {"kind": "imprint", "bins": bins},
        "size": 12,
        "channels": 1,
    } | values
    model = {"model": {"kind": "lenet", "width": 3, "init": "uniform", "classes": 2}}
    samples = {"samples": [f"bundled/faces:{13 * k}" for k in range(pictures)]}
    return ask(build(samples | model | values), CPU, silent)


def answered(asked):
    made = attacks.make(asked.experiment.attack, asked.round.update, asked.round.knowledge, plan=Plan(), device=CPU)
    state, step = made.init(0), None
    while step is None or not step.done:
        state, step = made.step(state)
    return made, state, step


def errors(asked, state) -> torch.Tensor:
    """Of each answer, the mean squared error to the private picture nearest to it."""
    truth = torch.from_numpy(asked.pictures.images).double().flatten(1)
    found = state["pictures"].flatten(1)
    return ((found[:, None] - truth[None]) ** 2).mean(-1).min(1).values


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"normalise": "0.5/0.25"},
        {"model": {"kind": "convnet", "width": 4, "depth": 2, "classes": 2}},
        {"client": {"loss": "mse"}},
        {"client": {"reduction": "sum"}},
        {"client": {"kind": "fedavg", "epochs": 1}},
        {"defenses": [{"kind": "clipping", "norm": 1e-3}]},
    ],
)  # fmt: skip
def test_every_picture_that_is_said_to_be_alone_is_one(values):
    asked = question(**values)
    made, state, step = answered(asked)
    alone = state["alone"]
    assert alone >= 4 and made.proof is not None and f"{alone} of 6 pictures" in step.note
    assert float(errors(asked, state)[:alone].max()) < 1e-6
    if alone == 6:
        assert sorted(state["labels"].tolist()) == sorted(asked.round.labels.tolist())


def test_a_bin_of_several_pictures_is_never_said_to_hold_one():
    asked = question(pictures=12, bins=4)
    _, state, step = answered(asked)
    alone = state["alone"]
    assert alone <= 3 and "weighted mean" in step.note
    assert float(errors(asked, state)[:alone].max() if alone else 0) < 1e-6
    assert len(state["pictures"]) == 12


def test_the_layer_leaves_the_network_nearly_as_it_was_and_stands_there_once():
    asked = question()
    network = asked.model
    x = torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    whole = imprinted(network, Imprint(bins=64), (1, 12, 12), (0.0,), (1.0,))
    assert imprinted(whole, Imprint(bins=8), (1, 12, 12), (0.0,), (1.0,)) is whole
    front = bins_of(whole)
    assert front is not None and bool((front.thresholds.diff() > 0).all())
    assert float((front(x) - x).detach().abs().max()) < 0.3
    assert bool((front.measure.weight == front.measure.weight[:1]).all())


def test_train_mode_batch_norm_leaves_pictures_exact_and_their_proof_out():
    net = {"kind": "convnet", "width": 4, "depth": 3, "classes": 2}
    asked = question(model=net, client={"batch_norm": "train"}, size=16)
    made, state, step = answered(asked)
    assert made.proof is None and "not proved" in step.note
    assert int((errors(asked, state) < 1e-6).sum()) >= 4


@pytest.mark.parametrize("kind", FITTING)
def test_every_attack_runs_behind_the_bins_or_refuses_in_a_sentence(kind):
    own = {k: v for k, v in FITTING[kind].items() if k not in ("server", "client")}
    asked = question(pictures=1, bins=8, **{**own, "attack": {"kind": kind, **TINY_ATTACKS[kind]}})
    refused = [p.reason for p in problems(asked.experiment) if p.fatal]
    try:
        made = attacks.make(asked.experiment.attack, asked.round.update, asked.round.knowledge, plan=Plan(), device=CPU)
    except Refused as refusal:
        assert refused == [str(refusal)] == [IN_FRONT]
        return
    assert not refused
    state, step = made.step(made.init(0))
    assert step.images.shape[1:] == asked.pictures.images.shape


@pytest.mark.parametrize("kind", DEFENSES)
def test_every_defense_goes_with_the_bins_or_is_refused_in_a_sentence(kind):
    asked = build(
        question().experiment.model_dump(mode="json")
        | {"defenses": TINY_DEFENSES[kind], "client": {"labels_known": True}}
    )
    try:
        assert not [p.reason for p in problems(asked) if p.fatal]
        _, state, _ = answered(ask(asked, CPU, silent))
        assert state["pictures"] is None or len(state["pictures"]) == 6
    except (SpecError, Refused) as error:
        assert len(str(error)) > 20 and "\n" not in str(error)


@pytest.mark.parametrize("noise", [{"kind": "dp_sgd"}, {"kind": "gaussian_noise", "std": 1e-2}])
def test_behind_enough_noise_no_picture_is_shown(noise):
    _, state, step = answered(question(defenses=[noise]))
    assert state["pictures"] is None and step.note.startswith("noise covers all 64 bins")


def test_an_honest_server_has_no_bins_to_read():
    honest = question(server={"kind": "honest"})
    (problem,) = [p for p in problems(honest.experiment) if p.fatal]
    with pytest.raises(Refused, match="server=imprint") as refused:
        answered(honest)
    assert str(refused.value) == problem.reason


def test_the_ensemble_keeps_the_pictures_that_are_proved_one_by_one():
    asked = question(attack={"kind": "auto", "iterations": 20})
    made, state, step = answered(asked)
    proved = int(step.note.split(" proves ")[1].split()[0])
    assert step.note.startswith("partial: Prepared rows proves") and 4 <= proved < 6
    images, _ = made.answer(state)
    assert float(errors(asked, {"pictures": images})[:proved].max()) < 1e-6
