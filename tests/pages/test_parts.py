"""Parts of the pages that need no page: links, words, uploads, pictures, downloads, example."""

from __future__ import annotations

import base64
import io
import json
import shlex
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from gi_core.jobs.store import Store
from gi_core.settings import ATTACKS, MODELS, Experiment, SpecError, build
from pages.shared import link, words
from pages.shared.experiment import uploads
from pages.shared.pictures import enlarge, montage, png
from pages.shared.result import downloads, viewer
from pages.shared.result.source import EXAMPLE, Recording, StoredRun
from tests import pages_fakes as fakes


@pytest.mark.parametrize("attack", sorted(ATTACKS))
@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_link_carries_any_experiment(attack, model):
    asked = build(
        {"attack": {"kind": attack}, "model": {"kind": model, "seed": 3}, "seed": 5, "samples": ["bundled/cell"]}
    )
    assert link.decode(link.encode(asked)) == asked
    assert len(link.encode(asked)) < 250


def test_a_link_may_be_json_or_base64_of_json():
    asked = build({"attack": {"kind": "dlg"}})
    text = asked.to_json()
    assert link.decode(text) == asked
    assert link.decode(base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")) == asked


def test_a_small_link_cannot_become_large():
    bomb = base64.urlsafe_b64encode(zlib.compress(b" " * 50_000_000, 9)).decode()
    with pytest.raises(SpecError):
        link.decode(bomb)


@settings(max_examples=200, deadline=None)
@given(some.text(max_size=80))
def test_any_text_is_an_experiment_or_one_sentence(text):
    try:
        assert isinstance(link.decode(text), Experiment)
    except SpecError as error:
        assert "\n" not in str(error)


def picture(kind: str = "PNG", size=(40, 30), mode="RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 128 if mode == "L" else (200, 30, 30)).save(buffer, kind)
    return buffer.getvalue()


def test_uploads_are_kept_by_hash(gi_home):
    ref = uploads.keep_picture(picture())
    assert ref == uploads.keep_picture(picture()) and ref.startswith("upload:")
    assert (gi_home / "uploads" / ref.removeprefix("upload:")).read_bytes() == picture()


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0", b"<svg onload=alert(1)>", b"MZ" + bytes(100)]
)
def test_what_is_no_picture_is_refused(gi_home, content):
    with pytest.raises(SpecError, match="TGA or DICOM file|file is empty"):
        uploads.keep_picture(content)
    assert not list((gi_home / "uploads").glob("*")) if (gi_home / "uploads").exists() else True


def test_a_page_decodes_nothing_and_a_worker_refuses_what_is_huge(gi_home, monkeypatch):
    from gi_core import data
    from gi_core.settings import Experiment

    content = picture("PNG", (11_000, 10_000), "L")
    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", None)
        ref = uploads.keep_picture(content)
    with pytest.raises(SpecError, match="megapixels"):
        data.load(Experiment(samples=(ref,)))


def test_a_pickle_is_no_weights_file(gi_home):
    with pytest.raises(SpecError):
        uploads.keep_weights(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    header = json.dumps({}).encode()
    assert uploads.keep_weights(len(header).to_bytes(8, "little") + header).startswith("upload:")


def test_the_command_line_asks_the_same_question():
    from gi_core.settings import parse_component

    asked = build({
        "samples": ["bundled/faces:1"], "attack": {"kind": "dlg", "trials": 2}, "seed": 4, "size": 25,
        "model": {"kind": "lenet", "init": "uniform"}, "defenses": [{"kind": "clipping", "norm": 2}],
    })  # fmt: skip
    said = shlex.split(words.command(asked))
    value = dict(zip(said[4:-1], said[5:], strict=True))
    assert parse_component("attack", value["--attack"]) == asked.attack
    assert parse_component("model", value["--model"]) == asked.model
    assert parse_component("defense", value["--defense"]) == asked.defenses[0]
    assert value["--seed"] == "4" and value["--size"] == "25" and value["--sample"] == "bundled/faces:1"


def test_words():
    assert [words.span(s) for s in (0.42, 12, 200, 7500, None)] == [
        "0.4 s",
        "12 s",
        "3 min 20 s",
        "2 h 5 min",
        "unknown",
    ]
    assert words.sample_name("bundled/faces:3") == "Face 3" and words.sample_name("mnist:7") == "Mnist 7"
    assert words.rate(20) == "20 it/s" and words.rate(0.25) == "4 s/it"
    assert words.escape("<b>") == "&lt;b&gt;" and words.plain("*a* :red[b]") == r"\*a\* \:red\[b\]"


def test_a_montage_keeps_every_pixel():
    images = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
    sheet = montage(images)
    assert sheet.shape == (5, 5, 3)
    assert (sheet[:2, 3:] == images[1]).all() and (sheet[3:, :2] == images[2]).all()
    assert (np.asarray(Image.open(io.BytesIO(png(images[0])))) == images[0]).all()
    assert enlarge(images[0], 8).shape == (8, 8, 3)


def test_snapshots_on_show_keep_first_and_last():
    assert viewer.chosen(list(range(1, 201)), 16)[::15][0] == 1
    shown = viewer.chosen(list(range(1, 201)), 16)
    assert shown[-1] == 200 and len(shown) <= 16 and shown == sorted(set(shown))


def test_downloads_are_files_of_their_kind(gi_home):
    store = Store()
    source = StoredRun(store, store.job(fakes.run(store)))
    both, alone = (Image.open(io.BytesIO(downloads.picture(source, 0, truth))) for truth in (True, False))
    assert both.size[0] == 2 * alone.size[0]
    gif = Image.open(io.BytesIO(downloads.animation(source, 0)))
    assert gif.n_frames > 5 and gif.size == (320, 320)


def test_the_example_is_small_real_and_complete():
    recording = Recording()
    assert sum(f.stat().st_size for f in EXAMPLE.glob("*.*")) < 400_000
    assert recording.job.state == "done" and recording.job.result["metrics"]["psnr"] > 20
    assert build(recording.job.spec).samples == ("bundled/astronaut",)
    last = recording.snapshot(recording.snapshots()[-1])
    assert last.ndim == 5 and last.shape[1:] == recording.originals().shape
    text = (EXAMPLE / "run.json").read_text()
    assert "worker_pid" not in text and "/home" not in text and "/tmp" not in text
