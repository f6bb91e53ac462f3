"""Rows of layers on the rank page: adding, moving, what does not fit, copies of known networks, files."""

from __future__ import annotations

import json

import pytest

from gi_core.reports.commands import network_file
from gi_core.settings import MODELS, SpecError
from gi_core.settings.custom import CustomNet
from gi_core.settings.layer_graphs import layer_graph
from gi_core.settings.parse import read_network
from pages.rank import builder, copying
from tests import pages_fakes as fakes
from tests.pages.opened import text, widget
from tests.pages.rank_page import CONV, asked, drawn, rank, rows


@pytest.mark.parametrize("kind", list(builder.NEW))
def test_every_kind_of_row_can_be_added_and_counted(store, kind):
    app = drawn(CONV)
    widget(app, "menu_button", "add_layer").click(kind).run()
    assert rows(app) == ["conv", kind] and not app.exception
    assert "does not fit" not in text(app)


def test_rows_move_are_copied_and_removed(store):
    app = drawn(CONV, {"kind": "max_pool"}, {"kind": "residual"})
    fakes.button(app, "down_0").click().run()
    assert rows(app) == ["max_pool", "conv", "residual"]
    fakes.button(app, "up_2").click().run()
    assert rows(app) == ["max_pool", "residual", "conv"]
    fakes.button(app, "duplicate_1").click().run()
    assert rows(app) == ["max_pool", "residual", "residual", "conv"]
    fakes.button(app, "remove_0").click().run()
    assert rows(app) == ["residual", "residual", "conv"]


def test_all_settings_of_a_row(store):
    app = drawn(CONV)
    for name, value in (("kernel", 5), ("stride", 2), ("padding", 2), ("groups", 1), ("dilation", 2), ("slope", 0.3)):
        widget(app, "number_input", f"model.layers.0.{name}.conv").set_value(value).run()
    widget(app, "selectbox", "model.layers.0.activation.conv").select("elu").run()
    widget(app, "toggle", "model.layers.0.bias.conv").set_value(True).run()
    widget(app, "toggle", "model.layers.0.batch_norm.conv").set_value(True).run()
    widget(app, "selectbox", "model.logits.custom").select("one").run()
    (row,) = asked(app).model.layers
    assert (row.kernel, row.stride, row.dilation, row.slope, row.activation) == (5, 2, 2, 0.3, "elu")
    assert row.bias and row.batch_norm and asked(app).model.one_logit


@pytest.mark.parametrize(
    ("row", "part"),
    [({"kernel": 31, "padding": 0}, "a window of 31"), ({"groups": 5}, "5 groups do not divide")],
)
def test_a_row_that_does_not_fit_is_one_sentence_and_the_last_good_view_stays(store, row, part):
    app = drawn(CONV, CONV)
    good = app.dataframe[0].value
    name, value = next(iter(row.items()))
    if "padding" in row:
        widget(app, "number_input", "model.layers.1.padding.conv").set_value(0).run()
        good = app.dataframe[0].value
    widget(app, "number_input", f"model.layers.1.{name}.conv").set_value(value).run()
    assert text(app).count("gi-problem") == 1 and part in text(app) and "Layer 2" in text(app)
    assert "gi-wrong" in text(app) and app.dataframe[0].value.equals(good)
    assert fakes.button(app, "run_rgap").disabled


def test_an_unsupported_layer_is_named_with_its_reason(store):
    app = drawn(CONV, {"kind": "max_pool"})
    assert "max pooling does not tell which pixel" in text(app)
    assert fakes.button(app, "run_rgap").disabled and "gi-unsupported" in text(app)


def test_start_from_copies_the_same_network():
    for kind in copying.starts((3, 32, 32), 10):
        copied = copying.rows(MODELS[kind](), (3, 32, 32), 10)
        first, second = layer_graph(MODELS[kind](), (3, 32, 32), 10), layer_graph(copied, (3, 32, 32), 10)
        assert first.parameters == second.parameters, kind


def test_start_from_fills_the_rows(store):
    app = drawn(CONV)
    widget(app, "menu_button", "start_from").click("lenet").run()
    assert rows(app) == ["conv"] * 3 and asked(app).model.layers[0].activation == "sigmoid"


def test_a_drawn_network_survives_its_file():
    network = CustomNet(layers=[CONV, {"kind": "dense", "features": 9}], logits="one", bias=False)
    assert read_network(network_file(network).encode()) == network


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"nothing", "not JSON"),
        (b'{"layers": [{"kind": "magic"}]}', "no kind 'magic'"),
        (b'{"layers": [{"kind": "conv", "kernel": 99}]}', "31 or less"),
        (b'{"layers": []' + b" " * 70_000 + b"}", "too large"),
        (json.dumps({"layers": [CONV] * 41}).encode(), "at most 40"),
    ],
)
def test_a_bad_file_is_one_sentence(content, part):
    with pytest.raises(SpecError) as refused:
        read_network(content)
    assert part in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_fills_the_rows_and_a_bad_one_changes_nothing(store):
    app = rank()
    app.file_uploader(key="rank_file").set_value(("bad.json", b'{"layers": 3}', "application/json")).run()
    assert len(app.error) == 1 and "not a network" in app.error[0].value and asked(app).model.kind == "cnn6"
    content = network_file(CustomNet(layers=[CONV, {"kind": "dense", "features": 9}])).encode()
    app.file_uploader(key="rank_file").set_value(("mine.json", content, "application/json")).run()
    assert rows(app) == ["conv", "dense"] and not app.exception
