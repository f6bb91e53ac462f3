"""Labels of a whole batch, read from the update alone: counts against the batch's own, refusals, and the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn

from gi_core.attacks.base import Refused
from gi_core.attacks.labels.certainty import certain
from gi_core.attacks.labels.guesses import guesses
from gi_core.attacks.labels.last_layer import shown
from gi_core.attacks.labels.report import STRATEGIES, label_report
from gi_core.attacks.labels.spanned import compositions, possible
from gi_core.attacks.labels.strategies import automatic, hard_labels
from gi_core.clients import fedavg
from gi_core.clients.fedsgd import gradient
from gi_core.networks import build
from gi_core.settings import parse_component
from gi_core.settings.client import FedAvg
from gi_core.types.updates import Knowledge, Update

SHAPE = (1, 12, 12)
DISTINCT = torch.tensor([7, 1, 9, 4, 0, 3, 8, 5])
REPEATED = torch.tensor([7, 1, 1, 1, 0, 7, 8, 1])
LENET, CONVNET = "lenet:width=4", "convnet:width=4,depth=3"


def server(model: nn.Module, loss: str = "cross_entropy", classes: int = 10) -> Knowledge:
    return Knowledge(model, SHAPE, classes, (0.3,), (0.25,), loss=loss)


def pictures(count: int, seed: int) -> torch.Tensor:
    """Soft random pictures, normalised."""
    draws = torch.Generator().manual_seed(1000 + seed)
    coarse = torch.rand(count, 1, 4, 4, generator=draws)
    return (nn.functional.interpolate(coarse, SHAPE[1:], mode="bicubic").clamp(0, 1) - 0.3) / 0.25


def client(name: str, labels: torch.Tensor, seed: int, loss: str = "cross_entropy") -> tuple[Update, Knowledge]:
    model = build(parse_component("model", f"{name},seed={seed}"), SHAPE, 10).eval()
    return gradient(model, pictures(len(labels), seed), labels, loss), server(model, loss)


def headless(activation: nn.Module, seed: int = 0) -> nn.Module:
    """A network whose last layer has no bias."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(144, 32), activation, nn.Linear(32, 10, bias=False)).eval()


def accuracy(found: torch.Tensor, true: torch.Tensor) -> float:
    return (Counter(found.tolist()) & Counter(true.tolist())).total() / len(true)


@pytest.mark.parametrize("strategy", ["bias_sign", "row_sum", "iterative", "auto"])
@pytest.mark.parametrize("network", [LENET, CONVNET])
def test_eight_distinct_labels_are_all_read_on_untrained_networks(network, strategy):
    for seed in range(6):
        order = torch.randperm(10, generator=torch.Generator().manual_seed(seed))[:8]
        found = hard_labels(strategy, *client(network, order, seed))
        assert found.tolist() == sorted(order.tolist()) and found.dtype == torch.int64


@pytest.mark.parametrize("count", [8, 32])
@pytest.mark.parametrize("strategy", ["bias_sign", "row_sum", "iterative"])
@pytest.mark.parametrize("network", [LENET, CONVNET])
def test_repeated_labels_are_counted(network, strategy, count):
    scores = []
    for seed in range(5):
        few = torch.randint(0, 4, (count,), generator=torch.Generator().manual_seed(seed))
        scores.append(accuracy(hard_labels(strategy, *client(network, few, seed)), few))
    assert sum(scores) / len(scores) >= 0.9


def test_iterative_reads_what_wide_weights_hide_from_the_bias():
    """p of one class is near 1: its bias gradient is positive though it is there."""
    scores = {"bias_sign": [], "iterative": []}
    for seed in range(8):
        update, knowledge = client("lenet:init=uniform,width=6", DISTINCT, seed)
        for strategy, kept in scores.items():
            kept.append(accuracy(hard_labels(strategy, update, knowledge), DISTINCT))
    assert sum(scores["iterative"]) >= sum(scores["bias_sign"]) and sum(scores["iterative"]) / 8 >= 0.98


def test_without_a_bias_rows_are_summed():
    for seed in range(4):
        model = headless(nn.Sigmoid(), seed)
        update, knowledge = gradient(model, pictures(8, seed), REPEATED), server(model)
        assert automatic(update, knowledge) == "row_sum"
        assert hard_labels("auto", update, knowledge).tolist() == sorted(REPEATED.tolist())
        for strategy in ("bias_sign", "iterative"):
            with pytest.raises(Refused, match="bias.*choose row_sum"):
                hard_labels(strategy, update, knowledge)


def test_features_that_add_up_to_nothing_positive_show_no_rows():
    class Negative(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return -torch.sigmoid(x)

    model = headless(Negative())
    with pytest.raises(Refused, match="row sums show no label"):
        hard_labels("row_sum", gradient(model, pictures(8, 0), REPEATED), server(model))


def test_one_logit_counts_two_classes_and_refuses_iterative():
    labels = torch.tensor([1, 0, 1, 1, 0, 0, 0, 0])
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(144, 32), nn.Sigmoid(), nn.Linear(32, 1)).eval()
    for loss in ("logistic", "mse"):
        update, knowledge = gradient(model, pictures(8, 0), labels, loss), server(model, loss, 1)
        for strategy in ("bias_sign", "row_sum", "auto"):
            assert hard_labels(strategy, update, knowledge).tolist() == sorted(labels.tolist())
        with pytest.raises(Refused, match="more than one output"):
            hard_labels("iterative", update, knowledge)


def test_squared_error_is_counted_too():
    update, knowledge = client(LENET, REPEATED, 0, "mse")
    for strategy in ("bias_sign", "row_sum", "iterative"):
        assert hard_labels(strategy, update, knowledge).tolist() == sorted(REPEATED.tolist())


def test_what_reads_one_label_refuses_a_batch():
    with pytest.raises(Refused, match="idlg reads one label.*choose auto"):
        hard_labels("idlg", *client(LENET, REPEATED, 0))


def test_a_last_layer_that_is_not_dense_is_refused():
    model = nn.Sequential(nn.Conv2d(1, 10, 12), nn.Flatten()).eval()
    update = gradient(model, pictures(8, 0), REPEATED)
    for strategy in ("bias_sign", "row_sum", "iterative", "auto"):
        with pytest.raises(Refused, match="not dense"):
            hard_labels(strategy, update, server(model))


def test_values_that_are_not_finite_are_refused():
    update, knowledge = client(LENET, REPEATED, 0)
    broken = Update({k: t * float("nan") for k, t in update.tensors.items()}, 8)
    for strategy in ("bias_sign", "row_sum", "iterative"):
        with pytest.raises(Refused, match="not finite"):
            hard_labels(strategy, broken, knowledge)


@pytest.mark.parametrize("strategy", ["idlg", "bias_sign", "auto"])
def test_one_label_needs_no_scale(strategy):
    for label in range(4):
        update, knowledge = client(LENET, torch.tensor([label]), label)
        for scale in (1.0, 1e-3, 50.0):
            scaled = replace(update, tensors={k: t * scale for k, t in update.tensors.items()})
            assert hard_labels(strategy, scaled, knowledge).tolist() == [label]


@pytest.mark.parametrize("rate", [1e-3, 0.1])
def test_a_weight_change_shows_the_same_labels_whatever_the_step_size(rate):
    _, knowledge = client(CONVNET, REPEATED, 0)
    settings = FedAvg(epochs=2, batch_size=4, learning_rate=rate)
    draw = torch.Generator().manual_seed(0)
    update, _ = fedavg.weight_change(knowledge.model, pictures(8, 0), REPEATED, settings, "cross_entropy", draw)
    report = label_report(update, replace(knowledge, schedule=fedavg.schedule_of(settings, 8)))
    for strategy in ("bias_sign", "iterative"):
        assert report[strategy].tolist() == sorted(REPEATED.tolist())


def test_the_report_has_every_strategy_or_why_not():
    update, knowledge = client(LENET, REPEATED, 0)
    report = label_report(update, knowledge)
    assert tuple(report) == STRATEGIES and "idlg reads one label" in report["idlg"]
    assert all(report[k].tolist() == sorted(REPEATED.tolist()) for k in STRATEGIES[1:])
    again = label_report(update, knowledge)
    assert all(torch.equal(report[k], again[k]) for k in STRATEGIES[1:])


def test_what_the_gradient_spans_leaves_few_classes_of_a_network_that_is_sure():
    true, proved = torch.tensor([7, 1, 1, 4]), []
    for seed in range(4):
        model = build(parse_component("model", f"{CONVNET},seed={seed}"), SHAPE, 10).eval()
        with torch.no_grad():
            list(model.parameters())[-2].mul_(30)  # the last layer's weight
        update, known = gradient(model, pictures(4, seed), true), server(model)
        weight, bias = shown(update, known)
        there = possible(weight, bias, 4, known)
        assert there.nonzero()[:, 0].tolist() == [1, 4, 7]
        assert sorted(hard_labels("auto", update, known).tolist()) == [1, 1, 4, 7]
        proved.append(certain(update, known, guesses(update, known)))
        assert possible(weight, bias, 5, known) is None  # one of five would not show
        noisy = weight + 1e-3 * weight.norm() * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
        assert possible(noisy, bias, 4, known) is None
    assert min(proved) >= 2 and max(proved) == 4


def test_compositions_are_all_counts_of_the_classes_allowed():
    allowed = torch.tensor([True, False, True, True])
    found = compositions(allowed, torch.tensor([0, 0, 2, 0]), 3, most=9)
    assert sorted(found) == [(0, 0, 2, 1), (0, 0, 3, 0), (1, 0, 2, 0)]
    assert compositions(allowed, torch.tensor([0, 0, 2, 0]), 9, most=9) is None
    assert compositions(allowed, torch.tensor([0, 1, 0, 0]), 3, most=9) is None
