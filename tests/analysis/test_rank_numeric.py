"""Measured ranks of real networks, and the worker's job."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from gi_core import networks
from gi_core.analysis.rank import count
from gi_core.analysis.rank.algebra import measure
from gi_core.analysis.rank.numeric import numeric
from gi_core.experiments.setup import Questions
from gi_core.jobs.store import Store
from gi_core.numerics.convolution_maps import kernel_matrix, weight_matrix
from gi_core.settings import networks as M
from gi_core.settings.custom import ConvLayer, CustomNet, DenseLayer, ResidualLayer
from gi_core.settings.drawings import drawing
from gi_core.settings.graph import Conv
from gi_core.workers.worker import Worker

torch.set_num_threads(1)
SMALL = CustomNet(
    layers=(ConvLayer(channels=6, kernel=4, stride=2, padding=2), ConvLayer(channels=10, stride=2, bias=True)),
    logits="one", bias=False,
)  # fmt: skip


def both(settings, shape, classes=4):
    graph = drawing(settings, shape, classes)
    return count(graph), numeric(graph, networks.build(settings, shape, classes), seed=1)


def test_a_network_measures_as_it_is_counted():
    for settings, shape in (
        (SMALL, (3, 12, 12)),
        (M.LeNet(width=3), (1, 14, 14)),
        (M.Mlp(activation="tanh"), (1, 9, 9)),
    ):
        counted, measured = both(settings, shape)
        assert measured.mode == "numeric" and measured.verdict == counted.verdict and not measured.notices
        for one, other in zip(counted.layers, measured.layers, strict=True):
            for name in ("rank", "kernel_rank", "rank_weight", "deficiency", "virtual", "index", "route", "overlap"):
                assert getattr(one, name) == getattr(other, name), (one.name, name)
            assert (other.condition is None) == (other.deficiency > 0)
        assert json.loads(json.dumps(measured.to_json(), allow_nan=False))["mode"] == "numeric"


def test_the_condition_is_that_of_the_stacked_equations_equally_scaled():
    op, shape, generator = Conv(2, 5, 3, 2, 1), (2, 6, 7), np.random.default_rng(3)
    k, weight = generator.standard_normal((5, 3, 4)), generator.standard_normal((5, 2, 3, 3))
    kernel, weights = kernel_matrix(op, k, shape), weight_matrix(op, weight, shape, k.shape)
    of_kernel, of_weights = np.kron(np.eye(2), kernel), weights.toarray()
    scale = np.linalg.norm(of_weights, 2) / np.linalg.norm(of_kernel, 2)
    values = np.linalg.svd(np.vstack([of_weights, scale * of_kernel]), compute_uv=False)
    assert measure(kernel, weights, 2).condition == pytest.approx(values[0] / values[-1], rel=1e-2)


def test_masks_and_k_are_those_of_a_real_pass():
    counted, measured = both(
        CustomNet(layers=(ConvLayer(channels=8, batch_norm=True, activation="relu"), DenseLayer(activation="relu"))),
        (2, 8, 8),
    )
    first = measured.layers[0]
    assert 0 < first.weight_constraints < 8 * 64 and first.weight_constraints != counted.layers[0].weight_constraints
    assert first.rank <= min(first.unknowns, first.rank_weight + first.rank_gradient) and not measured.notices


def test_residual_blocks_measure_as_counted():
    settings = CustomNet(layers=(ResidualLayer(channels=3), ResidualLayer(channels=5, stride=2)))
    counted, measured = both(settings, (3, 9, 9))
    for one, other in zip(counted.layers, measured.layers, strict=True):
        assert (one.name, one.rank, one.kernel_rank, one.deficiency) == (
            other.name, other.rank, other.kernel_rank, other.deficiency,
        )  # fmt: skip


def test_large_layers_are_counted_and_named():
    counted, measured = both(CustomNet(layers=(ConvLayer(channels=5, stride=2),)), (3, 40, 40))
    assert measured.layers[0].rank == counted.layers[0].rank and measured.layers[0].condition is None
    assert measured.notices == ("Counted, not measured, for their size: layer1.",)


def test_a_dead_network_shows_nothing():
    settings = CustomNet(layers=(DenseLayer(features=4, activation="relu"),))
    graph, model = drawing(settings, (1, 3, 3), 2), networks.build(settings, (1, 3, 3), 2)
    nn.init.constant_(model.get_submodule("layer1").weight, -1.0)
    first = numeric(graph, model).layers[0]
    assert first.rank == 0 and first.route == "under-determined" and first.deficiency == 9


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "missing"), [(M.Cnn6(), 0), (M.Cnn6D(), 280)])
def test_cnn6_measures_as_published(settings, missing):
    counted, measured = both(settings, (3, 32, 32), 10)
    assert [layer.rank for layer in measured.layers] == [layer.rank for layer in counted.layers]
    assert measured.layers[1].deficiency == missing and 1 < measured.condition < 100


def test_a_worker_measures(gi_home):
    store = Store()
    worker = Worker(store, "interactive")
    worker.questions = Questions()

    def answered(spec):
        store.submit("rank", spec)
        job = worker.writer.claim("interactive")
        worker.do(job)
        return store.job(job.id)

    network = SMALL.model_dump(mode="json")
    done = answered({"model": network, "input": [1, 9, 9], "classes": 3})
    assert done.state == "done" and done.result["mode"] == "numeric" and done.result["verdict"] in ("exact", "partial")
    for spec, word in (
        ({"model": network, "input": [1, 9]}, "3x32x32"),
        ({"model": network, "input": [1, 9, 99999]}, "at most"),
        ({"model": {"kind": "lenett"}, "input": [1, 9, 9]}, "lenet"),
        ({"model": network, "input": [1, 9, 9], "weights": {"kind": "trained"}}, "fresh weights"),
        ({"model": {"kind": "vit", "patch": 5}, "input": [3, 32, 32]}, "does not divide"),
    ):
        job = answered(spec)
        assert job.state == "failed" and word in job.error and "\n" not in job.error


def test_equations_of_nothing_have_no_rank():
    op, shape = Conv(1, 2, 3, padding=1), (1, 5, 5)
    found = measure(np.zeros((18, 25)), weight_matrix(op, np.zeros((2, 1, 3, 3)), shape, (2, 5, 5)), 1)
    assert (found.kernel_rank, found.rank_weight, found.rank, found.condition) == (0, 0, 0, None)
