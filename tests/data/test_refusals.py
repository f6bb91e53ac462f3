"""Wrong input is met with one sentence that says what to change."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gi_core import data
from gi_core.settings import Experiment, SpecError

_MODEL_OF_3 = {"kind": "lenet", "classes": 3}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"samples": ["bundled/astronout"]}, "did you mean 'astronaut'"),
        ({"samples": ["bundeld/astronaut"]}, "did you mean 'bundled/astronaut'"),
        ({"samples": ["no/such/file.png"]}, "there is no sample"),
        ({"samples": ["bundled/astronaut:4"]}, "leave out :4"),
        ({"samples": ["bundled/faces:200"]}, "from 0 to 199"),
        ({"samples": ["mnist:10000"]}, "from 0 to 9999"),
        ({"samples": ["mnist:-1"]}, "from 0 to 9999"),
        ({"samples": ["mnist/valid:3"]}, "mnist/train:3"),
        ({"samples": ["mnist:3"]}, "python -m gi_core fetch mnist"),
        ({"samples": ["folder:somewhere"]}, "folder:PATH:KEY"),
        ({"samples": ["folder:no/such:0"]}, "cannot read folder no/such"),
        ({"samples": ["upload:xyz"]}, "64 hexadecimal digits"),
        ({"samples": ["bundled/astronaut"], "labels": [11]}, "out of range"),
        ({"samples": ["bundled/page"], "model": _MODEL_OF_3}, "out of range"),
        ({"samples": ["bundled/cell"], "labels": [1, 2]}, "one label for each picture"),
        ({"samples": ["bundled/cell", "bundled/faces:0"]}, "choose pictures of one data set"),
        ({"samples": ["bundled/cell"], "normalise": "cifar11"}, "did you mean 'cifar10'"),
    ],
)
def test_refused_in_one_sentence(gi_home, values, sentence):
    with pytest.raises(SpecError) as refused:
        data.load(Experiment.model_validate(values))
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


def _refusal(path) -> str:
    with pytest.raises(SpecError) as refused:
        data.load(Experiment(samples=(str(path),)))
    return str(refused.value)


def test_unreadable_pictures(tmp_path):
    (tmp_path / "words.png").write_text("not a picture")
    Image.new("RGB", (40, 40)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    (tmp_path / "empty.png").touch()
    for name in ("words.png", "cut.png", "empty.png"):
        assert "is not a readable picture" in _refusal(tmp_path / name)
    assert "is a folder" in _refusal(tmp_path)


def test_a_decompression_bomb_is_refused_from_its_header(tmp_path):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    for side in (11_000, 60_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        content = (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
        )
        (tmp_path / "bomb.png").write_bytes(content)
        assert "more than 100 megapixels" in _refusal(tmp_path / "bomb.png")


def test_folders_say_what_they_lack(tmp_path):
    for name, stems in (("cat", ("same", "tom")), ("dog", ("same",))):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for stem in stems:
            Image.new("L", (8, 8)).save(tmp_path / "pets" / name / f"{stem}.png")
    (tmp_path / "bare").mkdir()
    for ref, sentence in (
        (f"folder:{tmp_path}/pets:same", "write CLASS/same"),
        (f"folder:{tmp_path}/pets:rex", "an index from 0 to 2"),
        (f"folder:{tmp_path}/pets:3", "an index from 0 to 2"),
        (f"folder:{tmp_path}/bare:0", "no class sub-folders"),
        (f"folder:{tmp_path}/pets/cat/tom.png:0", "is not a folder"),
    ):
        with pytest.raises(SpecError, match=sentence):
            data.load(Experiment(samples=(ref,)))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("npz:{0}/none.npz", "there is no file"),
        ("npz:{0}/code.npz", "cannot read"),
        ("npz:{0}/float.npz", "uint8"),
        ("npz:{0}/labels.npz", "set model.classes=41"),
        ("nmist", "there is no training data"),
        ("file", "set weights.data"),
    ],
)
def test_training_data_refused(tmp_path, name, sentence):
    pixels = np.zeros((4, 8, 8), np.uint8)
    np.savez(tmp_path / "code.npz", images=np.array([object()] * 4), labels=np.arange(4))
    np.savez(tmp_path / "float.npz", images=pixels.astype(float), labels=np.arange(4))
    np.savez(tmp_path / "labels.npz", images=pixels, labels=np.arange(4) + 37)
    with pytest.raises(SpecError, match=sentence):
        data.training_set(name.format(tmp_path), Experiment())
