"""Rank analysis by counting: the published networks to the digit, and a report for every network."""

from __future__ import annotations

import json

import pytest

from gi_core.analysis.rank import count
from gi_core.settings import MODELS
from gi_core.settings import networks as M
from gi_core.settings.custom import ConvLayer, CustomNet, DenseLayer, PoolLayer, ResidualLayer
from gi_core.settings.drawings import drawing
from tests.test_house_rules import loaded

COLUMNS = (
    "unknowns", "weight_constraints", "gradient_constraints", "kernel_rank", "pixels", "rank_gradient", "rank",
    "deficiency", "virtual", "index",
)  # fmt: skip
FIRST = (3072, 3468, 576, 192, 1024, 576, 3072, 0, 0, 0)
TABLES = {
    "cnn6": [
        FIRST,
        (3468, 2916, 3888, 244, 289, 2928, 3468, 0, 396, -396),
        (2916, 2916, 11664, 81, 81, 2916, 2916, 0, 0, 0),
        (2916, 2916, 11664, 81, 81, 2916, 2916, 0, 0, 0),
        (2916, 1600, 20736, 81, 81, 2916, 2916, 0, 0, 0),
        (1600, 3200, 73728, 25, 25, 1600, 1600, 0, 0, 0),
        (3200, 1, 3200, None, None, 3200, 3200, 0, 1600, -1600),
    ],
    "cnn6_d": [
        FIRST,
        (3468, 1620, 2160, 164, 289, 1968, 3188, 280, 396, -116),
        (1620, 2916, 6480, 81, 81, 1620, 1620, 0, 0, 0),
        (2916, 2916, 11664, 81, 81, 2916, 2916, 0, 1296, -1296),
        (2916, 1600, 20736, 81, 81, 2916, 2916, 0, 1296, -1296),
        (1600, 3200, 73728, 25, 25, 1600, 1600, 0, 0, 0),
        (3200, 1, 3200, None, None, 3200, 3200, 0, 1600, -1600),
    ],
    "lenet": [
        (3072, 3072, 900, 300, 1024, 900, 3072, 0, 0, 0),
        (3072, 768, 3600, 240, 256, 2880, 3072, 0, 0, 0),
        (768, 768, 3600, 64, 64, 768, 768, 0, 0, 0),
        (768, 10, 7680, None, None, 768, 768, 0, 0, 0),
    ],
}
KEYS = {
    "name", "kind", "unknowns", "weight_constraints", "gradient_constraints", "padding", "rank_weight", "rank_gradient",
    "overlap", "rank", "deficiency", "virtual", "index", "condition", "route", "reason",
}  # fmt: skip


def counted(settings, shape=(3, 32, 32), classes=10):
    return count(drawing(settings, shape, classes), settings.name)


def custom(*layers, **more):
    return CustomNet(layers=layers, **more)


@pytest.mark.parametrize("kind", TABLES)
def test_the_tables(kind):
    found = counted(MODELS[kind]())
    assert [tuple(getattr(layer, key) for key in COLUMNS) for layer in found.layers] == TABLES[kind]
    assert found.condition is None and found.mode == "count" and not found.notices


def test_verdicts():
    exact, short = counted(M.Cnn6()), counted(M.Cnn6D())
    assert (exact.verdict, exact.breaking, exact.security_index) == ("exact", None, 0)
    assert [layer.route for layer in exact.layers] == ["joint", "joint", *["gradient"] * 4, "ratio"]
    assert "exactly" in exact.sentence
    assert (short.verdict, short.breaking) == ("optimisation", "conv2")
    assert short.security_index == round(-280 * 5 / 6) == -233 and short.layers[1].overlap == 400
    assert "280 of the 3468" in short.sentence and short.layers[1].route == "under-determined"
    partial = counted(custom(ConvLayer(channels=2, kernel=3, stride=3, padding=0)), (3, 30, 30))
    assert (partial.verdict, partial.breaking) == ("partial", "layer1") and partial.layers[0].index > 0


def test_depthwise_layers_protect_and_dense_ones_do_not():
    depthwise = counted(custom(ConvLayer(channels=8), ConvLayer(channels=8, groups=8)))
    assert depthwise.layers[1].kernel_rank == 8 * 9 and depthwise.layers[1].pixels == 8 * 1024
    dense = counted(custom(DenseLayer(features=7), DenseLayer(features=3, activation="relu")))
    assert dense.verdict == "exact" and {layer.route for layer in dense.layers} == {"ratio"}


@pytest.mark.parametrize(
    ("layers", "name", "reason"),
    [
        ((PoolLayer(kind="max_pool"),), "layer1", "which pixel of a window won"),
        ((PoolLayer(kind="average_pool"),), "layer1", "one equation for all pixels"),
        ((ConvLayer(activation="gelu"),), "layer1", "gelu takes the same value twice"),
        ((DenseLayer(activation="silu"),), "layer1", "silu takes the same value twice"),
        ((ResidualLayer(activation="silu"),), "layer1_conv2", "silu takes the same value twice"),
    ],
)
def test_what_is_not_supported_says_why(layers, name, reason):
    found = counted(custom(*layers))
    rows = {layer.name: layer for layer in found.layers}
    assert found.verdict == "unsupported" and found.breaking == name and reason in rows[name].reason
    assert reason in found.sentence and rows[name].route == "unsupported" and not rows["fc"].reason


def test_pooling_loses_what_it_averages():
    found = counted(custom(PoolLayer(kind="average_pool", size=2)))
    assert (found.layers[0].unknowns, found.layers[0].rank, found.layers[0].deficiency) == (3072, 768, 2304)


def test_relu_tells_half_and_says_so():
    smooth, rectified = (
        counted(custom(ConvLayer(channels=12, kernel=5, stride=2, padding=2, activation=a))) for a in ("tanh", "relu")
    )
    assert not smooth.notices and "half of them" in rectified.notices[0]
    assert smooth.layers[0].weight_constraints == 2 * rectified.layers[0].weight_constraints
    assert smooth.layers[0].deficiency == 0 < rectified.layers[0].deficiency


def test_a_residual_block_reads_its_input_off_the_skip():
    found = counted(custom(ResidualLayer(channels=3), bias=True), (3, 8, 8))
    entry, inner = found.layers[:2]
    assert (entry.name, inner.name) == ("layer1_conv1", "layer1_conv2")
    assert entry.deficiency == 0 and entry.weight_constraints == 192 + 192 and "identity skip" in entry.description
    assert inner.weight_constraints == 0 and inner.rank == inner.rank_gradient == 3 * 27
    assert found.verdict == "optimisation"  # what x has too many binds h too
    assert inner.virtual > 0 >= inner.index
    projected = counted(custom(ResidualLayer(channels=8, stride=2)), (3, 8, 8)).layers[0]
    assert "skip conv 3->8 k1 s2" in projected.description
    assert projected.gradient_constraints == 8 * 3 * 9 + 8 * 3


@pytest.mark.parametrize("kind", MODELS)
def test_every_network_gives_a_report(kind):
    for shape in ((3, 32, 32), (3, 64, 64)):
        found = counted(MODELS[kind](), shape)
        document = found.to_json()
        assert json.loads(json.dumps(document, allow_nan=False)) == document
        assert set(document) >= {"model", "input", "layers", "verdict", "sentence", "breaking", "security_index"}
        for row in document["layers"]:
            assert set(row) >= KEYS
            assert row["deficiency"] == row["unknowns"] - row["rank"] >= 0
            assert row["index"] == row["deficiency"] - row["virtual"] and row["virtual"] >= 0
            assert max(row["rank_weight"], row["rank_gradient"]) <= row["rank"]
            assert row["overlap"] == row["rank_weight"] + row["rank_gradient"] - row["rank"] >= 0
            assert bool(row["reason"]) == (row["route"] == "unsupported")
        stopped = [row["name"] for row in document["layers"] if row["route"] in ("under-determined", "unsupported")]
        assert found.breaking == (stopped[-1] if stopped else None)
        assert found.sentence.endswith(".") and found.sentence.count(". ") == 0


def test_counting_loads_no_torch():
    program = (
        "from gi_core.analysis.rank import count\nfrom gi_core.settings import MODELS\n"
        "from gi_core.settings.drawings import drawing\n"
        "for cls in MODELS.values(): count(drawing(cls(), (3, 32, 32), 10))"
    )
    assert loaded(program, "torch", "torchvision", "streamlit", "skimage") == []
