"""The rank page without a browser: counting, drawing, files, links, the recursion's strip."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gi_core.jobs.snapshots import Snapshots, write_array
from gi_core.settings import MODELS, Experiment, SpecError, build
from gi_core.settings.custom import CustomNet
from gi_core.settings.layer_graphs import layer_graph
from gi_core.settings.parse import read_network
from pages.rank import builder, chart, copying, examples, running
from pages.shared import link
from pages.shared.rank import files, question, summary
from pages.shared.result import recursion
from tests import pages_fakes as fakes
from tests.pages.test_lab import ROOT, lab, store, text, widget  # noqa: F401  (store is a fixture)

CONV = {"kind": "conv", "channels": 8, "kernel": 3, "stride": 1, "padding": 1}


def rank(**query) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    app.run()
    app.switch_page("pages/rank/page.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def drawn(*rows: dict, **more) -> AppTest:
    return rank(
        experiment=link.encode(build({"size": 16, "channels": 3, "model": {"kind": "custom", "layers": rows, **more}}))
    )


def asked(app: AppTest) -> Experiment:
    return app.session_state["rank.experiment"]


def rows(app: AppTest) -> list[str]:
    return [row.kind for row in asked(app).model.layers]


def strip(app: AppTest) -> dict:
    (found,) = [c for c in app.get("bidi_component") if '"cards"' in str(c.proto.json)]
    return json.loads(found.proto.json)


def test_the_first_view_gives_a_verdict_a_chart_and_a_table(store):  # noqa: F811
    app = rank()
    page = text(app)
    assert "gi-exact" in page and "<h2>Exact</h2>" in page
    assert [c["name"] for c in strip(app)["cards"]] == ["fc", *(f"conv{k}" for k in range(6, 0, -1))]
    assert len(app.dataframe[0].value) == 7
    assert [b.label for b in app.button if b.proto.type == "primary"] == ["Run R-GAP"]
    assert store.jobs() == [] and "experiment" not in app.query_params


@pytest.mark.parametrize("number", range(len(examples.EXAMPLES)))
def test_every_example_is_counted(store, number):  # noqa: F811
    app = rank()
    app.button(key=f"example_{number}").click().run()
    assert not app.exception and "gi-problem" not in text(app)


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "custom"])
def test_every_network_is_counted_or_says_why_not(store, kind):  # noqa: F811
    app = rank(experiment=link.encode(build({"size": 32, "channels": 3, "model": {"kind": kind}})))
    assert "gi-answer" in text(app) and not app.exception


def test_predicted_deficiency_of_cnn6_d(store):  # noqa: F811
    app = rank()
    app.button(key="example_1").click().run()
    assert "gi-optimisation" in text(app) and "280" in text(app)
    cards = {c["name"]: c for c in strip(app)["cards"]}
    assert cards["conv2"]["flag"] == "breaks here (predicted)" and cards["conv1"]["tone"] == "after"
    assert [b.label for b in app.button if b.proto.type == "primary"] == ["Run R-GAP, then matching"]


def test_each_change_counts_at_once_and_goes_into_the_link(store):  # noqa: F811
    app = rank()
    widget(app, "segmented_control", "drawn").set_value("drawn").run()
    assert rows(app) == ["conv"] * 6, "a copy of what was shown"
    widget(app, "number_input", "model.layers.1.channels.conv").set_value(20).run()
    assert "gi-optimisation" in text(app) and "280" in text(app)
    again = rank(experiment=app.query_params["experiment"])
    assert asked(again) == asked(app) and "280" in text(again)
    widget(app, "segmented_control", "drawn").set_value("known").run()
    assert asked(app).model.kind == "cnn6"
    widget(app, "segmented_control", "drawn").set_value("drawn").run()
    assert asked(app).model.layers[1].channels == 20, "the drawing comes back"


@pytest.mark.parametrize("kind", list(builder.NEW))
def test_every_kind_of_row_can_be_added_and_counted(store, kind):  # noqa: F811
    app = drawn(CONV)
    widget(app, "menu_button", "add_layer").click(kind).run()
    assert rows(app) == ["conv", kind] and not app.exception
    assert "does not fit" not in text(app)


def test_rows_move_are_copied_and_removed(store):  # noqa: F811
    app = drawn(CONV, {"kind": "max_pool"}, {"kind": "residual"})
    fakes.button(app, "down_0").click().run()
    assert rows(app) == ["max_pool", "conv", "residual"]
    fakes.button(app, "up_2").click().run()
    assert rows(app) == ["max_pool", "residual", "conv"]
    fakes.button(app, "duplicate_1").click().run()
    assert rows(app) == ["max_pool", "residual", "residual", "conv"]
    fakes.button(app, "remove_0").click().run()
    assert rows(app) == ["residual", "residual", "conv"]


def test_all_settings_of_a_row(store):  # noqa: F811
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
def test_a_row_that_does_not_fit_is_one_sentence_and_the_last_good_view_stays(store, row, part):  # noqa: F811
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


def test_an_unsupported_layer_is_named_with_its_reason(store):  # noqa: F811
    app = drawn(CONV, {"kind": "max_pool"})
    assert "max pooling does not tell which pixel" in text(app)
    assert fakes.button(app, "run_rgap").disabled and "gi-unsupported" in text(app)


def test_start_from_copies_the_same_network():
    for kind in copying.starts((3, 32, 32), 10):
        copied = copying.rows(MODELS[kind](), (3, 32, 32), 10)
        first, second = layer_graph(MODELS[kind](), (3, 32, 32), 10), layer_graph(copied, (3, 32, 32), 10)
        assert first.parameters == second.parameters, kind


def test_start_from_fills_the_rows(store):  # noqa: F811
    app = drawn(CONV)
    widget(app, "menu_button", "start_from").click("lenet").run()
    assert rows(app) == ["conv"] * 3 and asked(app).model.layers[0].activation == "sigmoid"


def test_a_drawn_network_survives_its_file():
    network = CustomNet(layers=[CONV, {"kind": "dense", "features": 9}], logits="one", bias=False)
    assert read_network(files.write(network).encode()) == network


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


def test_a_file_fills_the_rows_and_a_bad_one_changes_nothing(store):  # noqa: F811
    app = rank()
    app.file_uploader(key="rank_file").set_value(("bad.json", b'{"layers": 3}', "application/json")).run()
    assert len(app.error) == 1 and "not a network" in app.error[0].value and asked(app).model.kind == "cnn6"
    content = files.write(CustomNet(layers=[CONV, {"kind": "dense", "features": 9}])).encode()
    app.file_uploader(key="rank_file").set_value(("mine.json", content, "application/json")).run()
    assert rows(app) == ["conv", "dense"] and not app.exception


def test_the_button_runs_the_network_shown(store):  # noqa: F811
    app = drawn(CONV)
    fakes.button(app, "run_rgap").click().run()
    (job,) = store.jobs()
    assert job.spec["attack"]["kind"] == "rgap" and job.spec["model"]["layers"][0]["channels"] == 8
    assert app.query_params["run"] == job.id and "next in line" in text(app)


def test_dense_layers_with_bias_are_divided(store):  # noqa: F811
    app = drawn({"kind": "dense", "bias": True}, bias=True)
    (choice,) = [w for w in app.get("segmented_control") if w.label == "Attack"]
    choice.set_value("analytic_linear").run()
    fakes.button(app, "run_rgap").click().run()
    assert store.jobs()[0].spec["attack"]["kind"] == "analytic_linear"


@pytest.mark.parametrize(("activation", "kind"), [("relu", "peeling"), ("tanh", "rgap")])
def test_the_attack_fits_the_activations(activation, kind):
    now = build(
        {"size": 16, "channels": 3, "model": {"kind": "custom", "layers": [{**CONV, "activation": activation}]}}
    )
    assert running.suitable(now, question.report(now))[0][0] == kind


def test_measuring_is_a_job_whose_ranks_stand_beside_the_counted(store):  # noqa: F811
    app = rank()
    counted = question.report(question.FIRST).to_json()
    fakes.button(app, "rank_measure").click().run()
    jobs = store.jobs(kinds=("rank",))
    assert len(jobs) == 1 and jobs[0].spec["input"] == [3, 32, 32]
    counted["layers"][1] |= {"rank": 3467, "condition": 12.0}
    out = fakes.writer(store)
    out.take(jobs[0].id)
    out.finish(jobs[0].id, "done", counted, None)
    app.run()
    assert "differ at conv2" in text(app) and not fakes.button(app, "rank_measure").disabled
    assert app.dataframe[0].value["measured"][1] == "3467 ≠ 3468"


def recovered(store, state: str = "done", breaks: bool = False, residual: float = 1e-8, **result) -> str:  # noqa: F811
    """A run of CNN6-d or CNN6 as a recursion writes it."""
    asked_ = build(
        {"size": 32, "channels": 3, "model": {"kind": "cnn6_d" if breaks else "cnn6"}, "attack": {"kind": "rgap"}}
    )
    run = store.submit("run", asked_.model_dump(mode="json"))
    out = fakes.writer(store)
    out.take(run)
    folder = out.folder(run)
    (folder / "layers").mkdir()
    layers = []
    for k, layer in enumerate(reversed(question.report(asked_).layers)):
        Image.fromarray(np.full((9, 9), 20 * k, np.uint8)).save(folder / "layers" / f"{k:02}.png")
        layers.append({
            "name": layer.name, "route": layer.route, "unknowns": layer.unknowns, "rank": layer.rank,
            "deficiency": layer.deficiency, "condition": 10.0, "residual": 1e-8, "error": 1e-7, "note": "",
            "preview": f"layers/{k:02}.png",
        })  # fmt: skip
    layers[-1]["residual"] = residual
    if state == "running":
        layers = layers[:3]
    truth = np.stack([fakes.original()])
    write_array(folder / "originals.npy", truth)
    Snapshots(folder).write(len(layers), truth[None])
    out.record(run, {"stage": "attacking", "iteration": len(layers), "iterations": 7, "best": 0, "layers": layers}, [])
    if state == "done":
        out.finish(
            run, "done", {"layers": layers, "metrics": {"psnr": 107.5}, "verdict": "exact: <b>it</b>", **result}, None
        )
    return run


def test_the_strip_fills_as_layers_are_recovered(store):  # noqa: F811
    app = rank(run=recovered(store, "running"))
    cards = strip(app)["cards"]
    assert [c["done"] for c in cards] == [True] * 3 + [False] * 4 and strip(app)["live"]
    assert cards[0]["src"].startswith("data:image/png") and cards[3]["src"] is None
    assert "3 layers solved" in text(app)


def test_a_break_is_marked_before_and_after(store):  # noqa: F811
    shown = strip(rank(run=recovered(store, breaks=True, residual=0.03)))
    flags = {c["name"]: c["flag"] for c in shown["cards"] if c["flag"]}
    assert flags == {"conv2": "broke here, as predicted"}
    assert [p["title"] for p in shown["pictures"]] == ["Original", "Recovered"] and not shown["live"]
    assert shown["pictures"][1]["note"] == "107.5 dB"


def test_a_gap_that_was_filled_is_no_break(store):  # noqa: F811
    cards = {c["name"]: c for c in strip(rank(run=recovered(store, breaks=True)))["cards"]}
    assert cards["conv2"]["flag"].startswith("short here, as predicted; filled in")


def test_the_lab_shows_the_strip_too_and_hides_the_truth_from_the_attacker(store):  # noqa: F811
    run = recovered(store)
    assert strip(lab(run=run))["cards"][0]["done"]
    hidden = lab(run=run, view="attacker")
    assert "107.5" not in text(hidden) and strip(hidden)["pictures"] == []


def test_a_batch_is_a_mixture_and_never_only_a_number(store):  # noqa: F811
    run = recovered(store, mixture={"coefficients": [[0.4, -0.1]], "span_residual": 2e-7, "answers": 1})
    for app in (rank(run=run), lab(run=run)):
        assert "One mixture of 2 pictures" in text(app) and "+0.400" in text(app) and "-0.100" in text(app)
    assert strip(rank(run=run))["pictures"][1]["note"] == "one mixture of 2 pictures"


def test_only_previews_of_the_run_are_read(store):  # noqa: F811
    job = store.job(recovered(store))
    assert recursion.preview(job, "layers/00.png")
    for name in ("../../x.png", "layers/../../x.png", "/etc/passwd", 7, None):
        assert recursion.preview(job, name) is None


def test_the_chart_covers_each_layers_unknowns():
    for kind in ("cnn6", "cnn6_d", "resnet20", "convnet"):
        for layer in question.report(build({"size": 32, "channels": 3, "model": {"kind": kind}})).layers:
            parts = chart.parts(layer)
            assert sum(parts.values()) == layer.unknowns and min(parts.values()) >= 0, (kind, layer)


def test_the_lab_takes_a_drawn_network_and_says_what_it_is(store):  # noqa: F811
    asked_ = build({"model": {"kind": "custom", "layers": [CONV, {"kind": "dense"}]}, "attack": {"kind": "rgap"}})
    page = text(lab(experiment=link.encode(asked_)))
    assert summary.line(asked_.model.layers[0]) in page and "dense 100" in page


@pytest.mark.parametrize("kind", ["analytic_linear", "rgap", "rgap_hybrid", "peeling"])
def test_the_lab_offers_the_closed_forms(store, kind):  # noqa: F811
    app = lab()
    widget(app, "selectbox", "attack").select(kind).run()
    assert not app.exception and app.session_state["form.experiment"].attack.kind == kind


def test_lab_and_rank_page_keep_their_own_forms(store):  # noqa: F811
    app = rank()
    app.button(key="example_1").click().run()
    app.query_params.clear()  # as a browser does on another page
    app.switch_page("pages/lab/page.py").run()
    assert app.session_state["form.experiment"].model.kind == "lenet"
    app.query_params.clear()
    app.switch_page("pages/rank/page.py").run()
    assert asked(app).model.kind == "cnn6_d" and "experiment" in app.query_params
