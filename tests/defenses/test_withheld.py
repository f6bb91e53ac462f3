"""Tensors that a client does not send: no attack matches them, none reads labels from them, no federation moves them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gi_core.attacks import Refused
from gi_core.attacks.labels.report import label_report
from gi_core.experiments.federation.dataset import shards
from gi_core.experiments.federation.rounds import Carried, Simulation
from gi_core.settings import SpecError
from gi_core.settings.federation import build_federation
from tests.defenses.test_table import apply, update
from tests.victims import advance, experiment, machine, play

torch.set_num_threads(1)
LAST = [{"kind": "withheld_layers", "which": "last", "count": 2}]
BIAS = [{"kind": "withheld_layers", "which": "last", "count": 1}]
FIRST = [{"kind": "withheld_layers", "which": "first", "count": 2}]
WEIGHTS = [{"kind": "withheld_layers", "which": "named", "part": "fc.weight"}]
TWO = ["bundled/faces:0", "bundled/faces:150"]


def refusal(**values) -> str:
    with pytest.raises(Refused) as caught:
        built, _ = machine(experiment(**values))
        built.init(0)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"which": "first", "count": 1}, ("conv.weight",)),
        ({"which": "last"}, ("fc.weight", "fc.bias")),
        ({"which": "biases"}, ("conv.bias", "fc.bias")),
        ({"which": "named", "part": "conv"}, ("conv.weight", "conv.bias")),
    ],
)
def test_withheld_layers_are_named_and_zero(values, names):
    after, known = apply("withheld_layers", **values)
    assert after.withheld == known["withheld"] == names
    for name, tensor in after.tensors.items():
        assert torch.equal(tensor, torch.zeros_like(tensor) if name in names else update().tensors[name])


def test_withheld_batch_norm_is_found_by_the_network_and_stays_zero_behind_noise():
    asked = experiment(
        model={"kind": "convnet", "width": 2}, size=12, attack={"kind": "inverting_gradients"},
        defenses=[{"kind": "withheld_layers", "which": "batch_norm"}, {"kind": "gaussian_noise", "std": 1.0}],
    )  # fmt: skip
    after, knowledge, _ = play(asked)
    own = {
        f"{n}.{k}"
        for n, m in knowledge.model.named_modules()
        if "BatchNorm" in type(m).__name__
        for k in ("weight", "bias")
    }
    assert set(after.withheld) == own and own
    assert all(bool((after.tensors[name] == 0).all()) == (name in own) for name in after.tensors)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"which": "last", "count": 99}, "nothing to send"),
        ({"which": "named", "part": "norm"}, "no tensor with 'norm' in its name"),
        ({"which": "batch_norm"}, "no batch norm parameter"),
    ],
)
def test_nothing_to_withhold_is_refused(values, words):
    with pytest.raises(SpecError, match=words):
        apply("withheld_layers", **values)


@pytest.mark.parametrize("kind", ["dlg", "inverting_gradients", "levenberg_marquardt"])
def test_what_was_not_sent_does_not_count(kind):
    """At the true picture nothing is left to explain, though zeros stand for the missing tensors."""
    labels = {"dlg": "idlg", "levenberg_marquardt": "observed_delta"}.get(kind, "bias_sign")
    asked = experiment(attack={"kind": kind, "labels": labels, "trials": 1}, defenses=FIRST)
    update, _, pictures = play(asked)
    built, _ = machine(asked)
    if kind == "levenberg_marquardt":
        residual = built.residual(built.init_at(pictures, 0))
    else:
        residual = built.problem.residual(pictures.reshape(-1).float())
        terms = built.problem.evaluate(pictures.reshape(1, -1).float())[1]
        assert float(terms["gradient"]) < 1e-6
    assert set(residual) == set(update.tensors) - {"conv1.weight", "conv1.bias"}
    assert max(residual.values()) < 1e-4


def test_a_picture_comes_back_from_the_layers_that_are_left():
    built, pictures = machine(experiment(attack={"kind": "levenberg_marquardt", "labels": "known"}, defenses=BIAS))
    state, _ = advance(built, built.init(0), 12)
    assert float(((built.answer(state)[0].clamp(0, 1) - pictures) ** 2).mean()) < 1e-4


def test_the_attack_says_what_it_leaves_out():
    built, _ = machine(experiment(attack={"kind": "inverting_gradients", "iterations": 2}, defenses=FIRST))
    _, step = advance(built, built.init(0), 1)
    assert any("not sent, so not matched: conv1.weight, conv1.bias" in event for event in step.events)


@pytest.mark.parametrize(
    ("defenses", "labels", "words"),
    [
        (LAST, "auto", "known"),
        (BIAS, "bias_sign", "row_sum"),
        (WEIGHTS, "idlg", "choose bias_sign labels"),
    ],
)
def test_labels_name_what_else_to_choose(defenses, labels, words):
    said = refusal(attack={"kind": "inverting_gradients", "labels": labels}, defenses=defenses)
    assert "gradient was not sent" in said and words in said


@pytest.mark.parametrize("samples", [["bundled/faces:3"], TWO])
@pytest.mark.parametrize("defenses", [BIAS, WEIGHTS])
def test_auto_reads_labels_from_what_is_left(samples, defenses):
    asked = experiment(samples=samples, attack={"kind": "inverting_gradients", "labels": "auto"}, defenses=defenses)
    built, _ = machine(asked)
    assert sorted(built.problem.seen.labels.tolist()) == ([0] if len(samples) == 1 else [0, 1])


def test_the_report_of_strategies_has_a_sentence_for_each():
    update, knowledge, _ = play(experiment(samples=TWO, attack={"kind": "dlg"}, defenses=BIAS))
    found = label_report(update, knowledge)
    assert all(isinstance(found[name], str) for name in ("idlg", "bias_sign", "iterative"))
    assert found["row_sum"].tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["rgap", "peeling", "rgap_hybrid"])
def test_recursions_stop_at_the_layer_by_name(kind):
    model = {"kind": "custom", "layers": [{"kind": "dense", "features": 6, "activation": "leaky_relu"}]}
    said = refusal(
        attack={"kind": kind}, model=model, defenses=[{"kind": "withheld_layers", "which": "first", "count": 1}]
    )
    assert "was not sent, so the recursion stops at layer" in said


def test_analytic_recovery_needs_only_the_layers_it_passes():
    mlp = {"kind": "mlp", "hidden": 8}
    built, _ = machine(experiment(attack={"kind": "analytic_linear"}, model=mlp, defenses=LAST))
    _, step = advance(built, built.init(0), 5)
    assert step.done
    assert "fc1.weight was not sent" in refusal(attack={"kind": "analytic_linear"}, model=mlp, defenses=FIRST)


def federation(*defenses: dict, **values) -> Simulation:
    asked = build_federation(
        {
            "clients": 2, "pictures": [6], "size": 8, "model": {"kind": "lenet", "width": 2}, "attack": None,
            "defenses": list(defenses), **values,
        }
    )  # fmt: skip
    return Simulation(asked, shards(asked), torch.device("cpu"))


def test_a_federation_does_not_move_what_is_withheld():
    simulation = federation(*FIRST, {"kind": "gaussian_noise", "std": 0.1}, server_momentum=0.5)
    model, carried = simulation.start, Carried()
    for number in (1, 2):
        model = simulation.play(number, model, carried=carried).after
    before = dict(simulation.start.named_parameters())
    still = {name for name, p in model.named_parameters() if torch.equal(p, before[name])}
    assert still == {"conv1.weight", "conv1.bias"}


def test_a_client_remembers_what_top_k_left_out_over_rounds():
    simulation, carried = federation({"kind": "top_k", "kept": 0.2}), Carried()
    first = simulation.play(1, simulation.start, carried=carried)
    assert set(carried.memories) == {0, 1} and all(set(m) == {0} for m in carried.memories.values())
    kept = {k: v.clone() for k, v in carried.memories[0][0].items()}
    with_memory = simulation.play(2, first.after, carried=carried).sent[0]
    without = simulation.play(2, first.after).sent[0]
    assert sum(float(v.abs().sum()) for v in kept.values()) > 0
    assert any(not torch.equal(with_memory.tensors[k], without.tensors[k]) for k in kept)
    assert np.isfinite(with_memory.norm())
