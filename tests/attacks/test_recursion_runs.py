"""A recursion as a run: its layers reported as they are found, its files, and stopping in the middle."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from gi_core.experiments.execute import execute
from gi_core.experiments.recursion_layers import montage
from gi_core.experiments.recursion_results import rescale
from gi_core.jobs.sink import Free
from tests.recovery import ask, conv, drawn, open_attack, recover, through_a_file
from tests.runs_helpers import ListSink, Script

DENSE = {"kind": "dense", "features": 30, "slope": 0.2}
NET = drawn(conv(16, 5, stride=2), conv(24), DENSE)
RELU = {"kind": "lenet", "activation": "relu", "width": 8}
QUESTIONS = {
    "rgap": ask(NET, device="cpu"),
    "rgap, two roots": ask(drawn(conv(16, 5, stride=2), conv(24), logits="one", bias=False), device="cpu"),
    "analytic_linear": ask(drawn(DENSE, DENSE, {**DENSE, "bias": True}), "analytic_linear", device="cpu"),
    "peeling": ask(RELU, "peeling", device="cpu"),
    "rgap_hybrid": ask(
        drawn(conv(16, 5, stride=2), conv(2), conv(24)), {"kind": "rgap_hybrid", "matching": 4}, device="cpu"
    ),
    "rgap_hybrid, smoothed": ask(drawn(conv(3, stride=2), conv(24)), "rgap_hybrid", device="cpu"),
}


def _run(experiment, folder, control=None, checkpoint=None, **options):
    sink = ListSink(folder)
    asked = control(sink) if control else Free()
    return execute(experiment, sink=sink, control=asked, checkpoint=checkpoint, **options), sink


def test_a_run_tells_its_layers_and_leaves_their_pictures(gi_home, tmp_path):
    result, sink = _run(QUESTIONS["rgap"], tmp_path / "run")
    assert [layer["name"] for layer in result["layers"]] == ["fc", "layer3", "layer2", "layer1"]
    layers = [p["layers"] for p in sink.progress if p.get("layers")]
    assert layers[-1] == result["layers"] and layers[0][0]["name"] == "fc"
    wanted = {"name", "route", "unknowns", "rank", "deficiency", "condition", "residual", "error", "note", "preview"}
    for layer, shape in zip(result["layers"], [[30], [24, 6, 6], [16, 6, 6], [3, 12, 12]], strict=True):
        assert wanted <= set(layer) and layer["shape"] == shape
        assert layer["deficiency"] == 0 and layer["unknowns"] == int(np.prod(shape))
        with Image.open(sink.folder / layer["preview"]) as picture:
            assert picture.mode == "RGB" and min(picture.size) >= 5
    # the last layer's preview is the picture itself, but for its contrast
    first, original = (np.asarray(Image.open(sink.folder / n), float) for n in ("layers/03.png", "original.png"))
    assert np.corrcoef(first.ravel(), original.ravel())[0, 1] > 0.99
    assert result["metrics"]["psnr"] > 100 and json.loads((sink.folder / "result.json").read_text())["layers"]


def test_the_published_rescaling_is_kept_beside_the_answer(gi_home, tmp_path):
    result, sink = _run(QUESTIONS["rgap"], tmp_path / "run")
    rescaled = result["rescaled"]
    with np.load(sink.folder / "reconstruction.npz") as kept:
        images, originals = kept["images"], kept["originals"]
    drawn_ = (images - images.min()) / images.max()  # the largest value, not the range: dark, never above one
    assert rescaled["mse"] == pytest.approx(float(((drawn_ - originals) ** 2).mean()), rel=1e-3)
    assert rescaled["psnr"] == pytest.approx(-10 * np.log10(rescaled["mse"]), abs=0.01)
    with Image.open(sink.folder / rescaled["file"]) as picture:
        shown = np.asarray(picture, float) / 255
    np.testing.assert_allclose(shown, drawn_[0].transpose(1, 2, 0), atol=0.003)
    assert rescale(np.full((1, 1, 2, 2), 0.0)).max() == 0
    unknown, _ = _run(QUESTIONS["rgap"], tmp_path / "unknown", ground_truth=False)
    assert set(unknown["rescaled"]) == {"file"} and len(unknown["layers"]) == 4


def test_a_batch_says_what_its_answer_is_made_of(gi_home, tmp_path):
    samples = ["bundled/astronaut", "bundled/coffee", "bundled/cell"]
    asked = ask({"kind": "fcn3"}, samples=samples, channels=1, device="cpu")
    result, _ = _run(asked, tmp_path / "run")
    assert result["mixture"]["span_residual"] < 1e-5 and len(result["mixture"]["coefficients"][0]) == 3
    assert "one mixture of 3 pictures" in result["note"] and "rescaled" not in result
    unknown, _ = _run(asked, tmp_path / "unknown", ground_truth=False)
    assert unknown["mixture"] == {}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_run_stopped_between_layers_ends_as_if_it_had_not(gi_home, tmp_path, name):
    experiment, file = QUESTIONS[name], tmp_path / "parts" / "checkpoint.pt"
    whole, smooth = _run(experiment, tmp_path / "whole")
    stopped, _ = _run(experiment, file.parent, lambda s: Script(s, 1, "pause"), file)
    assert stopped["status"] == "paused" and file.exists()
    parts, sink = _run(experiment, file.parent, checkpoint=file)
    assert "resumed" in sink.lines[0] and parts["iterations"] == whole["iterations"] and parts["note"] == whole["note"]
    assert parts["layers"] == whole["layers"] and parts["metrics"] == whole["metrics"]
    assert parts.get("rescaled") == whole.get("rescaled") and parts["trials"] == whole["trials"]
    for layer in whole["layers"]:
        assert (sink.folder / layer["preview"]).read_bytes() == (smooth.folder / layer["preview"]).read_bytes()
    assert [p.iteration for p in sink.points] == list(range(1, whole["iterations"] + 1))


def test_a_cancelled_run_tells_each_layer_once(gi_home, tmp_path):
    result, _ = _run(QUESTIONS["rgap"], tmp_path / "run", lambda s: Script(s, 1, "cancel"))
    assert result["status"] == "cancelled" and result["iterations"] == 2
    assert [layer["name"] for layer in result["layers"]] == ["fc", "layer3"]


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_state_goes_through_a_file_after_every_step(name):
    asked = QUESTIONS[name]
    straight, filed = recover(asked), recover(asked, saved=True)
    expected, answer = (r.attack.answer(r.state)[0] for r in (straight, filed))
    assert torch.equal(expected, answer) and straight.step.note == filed.step.note


def test_another_machine_goes_on_from_a_file():
    first, _, _ = open_attack(QUESTIONS["rgap, two roots"])
    state, _ = first.step(first.init(0))
    second, _, _ = open_attack(QUESTIONS["rgap, two roots"])
    kept = through_a_file(state)
    done = False
    while not done:
        kept, step = second.step(kept)
        done = step.done
    assert torch.equal(second.answer(kept)[0], (r := recover(QUESTIONS["rgap, two roots"])).attack.answer(r.state)[0])


@pytest.mark.filterwarnings("ignore:invalid value")
def test_previews_are_pictures_whatever_the_values():
    for values in (np.full((5, 3, 3), np.nan), np.zeros(7), np.array([np.inf, 1.0, -np.inf]), np.ones((200, 2, 9))):
        page = montage(values.astype(np.float32))
        assert page.dtype == np.uint8 and page.shape[2] == 3 and page.size > 0
