"""The recursion's strip, on the rank page and in the lab, and the attacks that make it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gi_core.jobs.snapshots import Snapshots, write_array
from gi_core.settings import build
from pages.rank import running
from pages.shared.rank import question
from pages.shared.rank.cards import cards
from pages.shared.result import recursion
from tests import pages_fakes as fakes
from tests.pages.opened import lab, text
from tests.pages.rank_page import CONV, drawn, rank, strip


def test_the_button_runs_the_network_shown(store):
    app = drawn(CONV)
    fakes.button(app, "run_rgap").click().run()
    (job,) = store.jobs()
    assert job.spec["attack"]["kind"] == "rgap" and job.spec["model"]["layers"][0]["channels"] == 8
    assert app.query_params["run"] == job.id and "next in line" in text(app)


def test_dense_layers_with_bias_are_divided(store):
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


def recovered(store, state: str = "done", breaks: bool = False, residual: float = 1e-8, **result) -> str:
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


def test_the_strip_fills_as_layers_are_recovered(store):
    app = rank(run=recovered(store, "running"))
    cards = strip(app)["cards"]
    assert [c["done"] for c in cards] == [True] * 3 + [False] * 4 and strip(app)["live"]
    assert cards[0]["src"].startswith("data:image/png") and cards[3]["src"] is None
    assert "3 layers solved" in text(app)


def test_a_break_is_marked_before_and_after(store):
    shown = strip(rank(run=recovered(store, breaks=True, residual=0.03)))
    flags = {c["name"]: c["flag"] for c in shown["cards"] if c["flag"]}
    assert flags == {"conv2": "broke here, as predicted"}
    assert [p["title"] for p in shown["pictures"]] == ["Original", "Recovered"] and not shown["live"]
    assert shown["pictures"][1]["note"] == "107.5 dB"


def test_a_gap_that_was_filled_is_no_break(store):
    cards = {c["name"]: c for c in strip(rank(run=recovered(store, breaks=True)))["cards"]}
    assert cards["conv2"]["flag"].startswith("short here, as predicted; filled in")


def test_the_lab_shows_the_strip_too_and_hides_the_truth_from_the_attacker(store):
    run = recovered(store)
    assert strip(lab(run=run))["cards"][0]["done"]
    hidden = lab(run=run, view="attacker")
    assert "107.5" not in text(hidden) and strip(hidden)["pictures"] == []


def test_a_batch_is_a_mixture_and_never_only_a_number(store):
    run = recovered(store, mixture={"coefficients": [[0.4, -0.1]], "span_residual": 2e-7, "answers": 1})
    for app in (rank(run=run), lab(run=run)):
        assert "One mixture of 2 pictures" in text(app) and "+0.400" in text(app) and "-0.100" in text(app)
    assert strip(rank(run=run))["pictures"][1]["note"] == "one mixture of 2 pictures"


def test_blocks_that_were_solved_whole_stand_alone():
    """Residual recovery names its blocks; the layers that counting names are no steps of it."""
    now = build({"size": 16, "channels": 3, "model": {"kind": "custom", "layers": [CONV]}})
    block = {"name": "layer4", "rank": 9, "unknowns": 9, "condition": 2.0, "residual": 1e-6, "route": "gradient"}
    made = cards([block], question.report(now), over=True, images=1, picture=lambda name: None)
    assert [card["name"] for card in made] == ["layer4"]


def test_only_previews_of_the_run_are_read(store):
    job = store.job(recovered(store))
    assert recursion.preview(job, "layers/00.png")
    for name in ("../../x.png", "layers/../../x.png", "/etc/passwd", 7, None):
        assert recursion.preview(job, name) is None


def test_a_transformer_is_run_by_its_own_attack_and_counts_its_batches(store):
    app = rank()
    app.button(key="example_5").click().run()
    assert "exact up to 4" in text(app) and [len(d.value) for d in app.dataframe][:2] == [16, 12]
    fakes.button(app, "run_rgap").click().run()
    (job,) = store.jobs()
    assert job.spec["attack"]["kind"] == "transformer" and job.spec["size"] == 224
