"""Pictures that are not square, and normalisation by numbers, from the command line to the files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from gi_core import data
from gi_core.cli import main
from gi_core.data.normalisation import resolve
from gi_core.experiments import run_files
from gi_core.settings import Experiment, SpecError, problems
from gi_core.settings.federation import build_federation
from gi_core.settings.normalising import numbers


def _json(capsys, *argv: str) -> dict:
    code = main([*argv, "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out.splitlines()[-1])


@pytest.mark.parametrize(
    ("attack", "model"),
    [
        ("levenberg_marquardt:iterations=30", "lenet:init=uniform"),
        ("rgap", "fcn3"),
        ("idlg:iterations=60,trials=1", "lenet:init=uniform"),
    ],
)
def test_a_wide_picture_comes_back_whole(gi_home, tmp_path, capsys, attack, model):
    path = tmp_path / "wide.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 18), dtype=np.uint8)).save(path)
    out = tmp_path / "out"
    found = _json(
        capsys, "attack", "--sample", str(path), "--label", "3", "--size", "12x18", "--model", model, "--attack", attack,
        "--normalise", "0.4/0.3", "--out", str(out),
    )  # fmt: skip
    with np.load(out / "reconstruction.npz") as file:
        assert file["images"].shape == file["originals"].shape == (1, 1, 12, 18)
    assert found["metrics"]["psnr"] > 25 and not any("middle" in n for n in found["notices"])
    assert found["normalisation"] == {"asked": "0.4/0.3", "mean": [0.4], "std": [0.3]}
    for name in ("original.png", "reconstruction.png"):
        assert Image.open(out / name, formats=("PNG",)).size == (18, 12)
    asked = json.loads((out / "experiment.json").read_text())
    assert asked["size"] == "12x18" and asked["normalise"] == "0.4/0.3"


def test_a_thumbnail_keeps_the_proportions(tmp_path):
    tall = np.ones((1, 1, 20, 10), np.float32)
    run_files.write(tmp_path, {}, tall, tall, [])
    page = np.asarray(Image.open(tmp_path / "thumbnail.png", formats=("PNG",)))
    assert page.shape == (96, 192, 3)
    half = page[:, :96, 0] > 0
    assert half.sum() == 96 * 48 and half[:, 24:72].all()


def test_training_pool_and_public_pictures_take_the_shape():
    asked = Experiment(size="8x12")
    assert data.training_set("bundled", asked)[0].shape[1:] == (3, 8, 12)
    assert data.candidates(asked, 20).shape == (20, 3, 8, 12)
    none = np.zeros((0, 3, 8, 12), np.float32)
    drawn = data.public_pictures("crops", 3, (8, 12), 3, none, np.random.default_rng(0))
    assert drawn.shape == (3, 3, 8, 12)


def test_networks_say_which_shapes_they_take():
    def fields(**values):
        return {p.field for p in problems(Experiment.model_validate(values)) if p.fatal}

    assert "size" in fields(size="8x64", model={"kind": "resnet18"}, attack={"kind": "inverting_gradients"})
    patched = {"kind": "vit", "patch": 8}
    assert "model.patch" in fields(size="16x20", model=patched, attack={"kind": "inverting_gradients"})


# Normalisation by numbers


@pytest.mark.parametrize(
    ("text", "channels", "mean", "std"),
    [
        ("0.5/0.5", 3, (0.5,) * 3, (0.5,) * 3),
        ("0.5/0.5", 1, (0.5,), (0.5,)),
        ("-1 / 2e0", 1, (-1,), (2,)),
        ("0.1,0.2,0.3/0.4,0.5,0.6", 3, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)),
        ("0/.1,.2,.3", 3, (0,) * 3, (0.1, 0.2, 0.3)),
    ],
)
def test_numbers_normalise_each_channel(text, channels, mean, std):
    assert resolve(text, "file", channels) == (mean, std)
    pictures = data.load(Experiment(normalise=text, channels=channels))
    assert (pictures.mean, pictures.std) == (mean, std)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0.5/0", "above 0"),
        ("0.5/-1", "above 0"),
        ("nan/1", "no number"),
        ("0.5/inf", "no number"),
        ("1e999/1", "no number"),
        ("0.5/1e-300", "too close to 0"),
        ("0.5/", "no number"),
        ("1/2/3", "one slash"),
        ("1,2/1,2", "one number or three"),
        ("1,2,3/1,2", "as many means"),
        ("/" * 3000, "one slash"),
    ],
)
def test_other_numbers_are_refused_in_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        Experiment(normalise=text)
    with pytest.raises(SpecError, match=sentence):
        build_federation({"normalise": text})


def test_three_numbers_need_three_channels():
    asked = Experiment(samples=("bundled/faces:0",), normalise="1,2,3/1,2,3")
    with pytest.raises(SpecError, match="3 numbers, and the pictures have 1 channel"):
        data.load(asked)
    fatal = [p.field for p in problems(asked.model_copy(update={"channels": 1})) if p.fatal]
    assert fatal == ["normalise"]
    assert numbers("cifar10") is None and numbers("foo/bar") is None


def test_influence_and_federations_take_numbers_and_shapes(gi_home, capsys, tmp_path):
    found = _json(
        capsys, "influence", "--sample", "bundled/faces:0", "--size", "6x9", "--normalise", "0.5/0.25",
        "--model", "lenet:width=4", "--noise-std", "0.001",
    )  # fmt: skip
    row = found["samples"][0]
    assert found["notices"] == ["the network sees (x - mean) / std with mean 0.5 and std 0.25"]
    assert row["predicted_rmse"] == pytest.approx(0.25 * row["predicted_rmse_normalised"], rel=1e-5)
    (tmp_path / "f.toml").write_text(
        'data = "faces"\nclients = 2\npictures = 4\nrounds = 1\nsize = "8x12"\nnormalise = "0.5/0.5"\n'
        'attack = {kind = "inverting_gradients", iterations = 2, labels = "known"}\nattacked = [1]\n'
    )
    assert main(["federate", str(tmp_path / "f.toml"), "--out", str(tmp_path / "out"), "--json"]) == 0
    recorded = next((tmp_path / "out").rglob("*_experiment.json"))
    asked = json.loads(recorded.read_text())
    assert asked["size"] == "8x12" and asked["normalise"] == "0.5/0.5"


def test_a_crop_is_said_by_every_command(gi_home, capsys, tmp_path):
    path = tmp_path / "wide.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24), dtype=np.uint8)).save(path)
    said = "the middle 16x16 of 24x16 is used, resized to 8x8"
    network = ["--model", "lenet:width=4,classes=3", "--size", "8"]
    assert said in _json(capsys, "influence", "--sample", str(path), *network)["notices"]
    assert main(["influence", "--sample", str(path), *network]) == 0
    assert f"note: {said}" in capsys.readouterr().out
    asked = [
        "attack",
        "--sample",
        str(path),
        *network,
        "--attack",
        "dlg:iterations=1,trials=1",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(asked) == 0
    assert f"note: {said}" in capsys.readouterr().err
    prior = f"fl_gradient_inversion:iterations=1,prior={path}"
    found = _json(
        capsys, "attack", "--sample", "bundled/cell", "--label", "1", *network, "--attack", prior, "--set", "channels=1"
    )
    assert f"prior picture: {said}" in found["notices"]


def test_memory_is_estimated_by_the_true_shape(tmp_path):
    from gi_core.experiments import footprint

    path = tmp_path / "wide.png"
    Image.new("L", (400, 300)).save(path)
    deep = {"model": {"kind": "convnet"}, "attack": {"kind": "inverting_gradients"}, "channels": 1}
    own, fixed = (Experiment(samples=(str(path),), size=size, **deep) for size in ("own", "300x400"))
    assert footprint.footprint(own) == footprint.footprint(fixed)
    assert footprint.footprint(own).one > footprint.footprint(Experiment(samples=(str(path),), **deep)).one
