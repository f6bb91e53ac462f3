"""Own pictures on the page: several at once, a crop that is a part of the question, and what no picture is told."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gi_core import data
from gi_core.data.opening import decode
from gi_core.experiments import small_pictures
from gi_core.settings import build
from pages.shared.experiment import uploads
from tests.pages.opened import lab, text
from tests.pages_fakes import writer


def content(width: int = 96, height: int = 64, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def asked(app):
    return app.session_state["form.experiment"]


def worked(store) -> None:
    """What a worker makes of the pictures that are asked for."""
    out = writer(store)
    while (job := out.claim("reading", ("thumbnails",))) is not None:
        folder = out.folder(job.id)
        made = small_pictures.whole(job.spec["samples"], folder, lambda: None)
        out.finish(job.id, "done", made if job.spec.get("whole") else {"files": {}, "missing": made["missing"]})


def test_several_pictures_are_taken_at_once_and_others_say_the_types(store):
    app = lab()
    files = [(f"{k}.png", content(60 + k), "image/png") for k in range(3)]
    app.file_uploader(key="sample_file").set_value([*files, ("notes.png", b"%!PS-Adobe-3.0 EPSF", "image/png")]).run()
    assert not app.exception
    found = asked(app).samples
    assert found == tuple(uploads.keep_picture(file[1]) for file in files)
    assert "notes.png: this file is not a picture that can be read: give a PNG, JPEG, WebP" in text(app)


def test_a_crop_is_what_is_run(store):
    app = lab()
    app.file_uploader(key="sample_file").set_value([("wide.png", content(), "image/png")]).run()
    ref = asked(app).samples[0]
    worked(store)
    app.run()
    find(app.button_group, ".shape").set_value("Rectangle").run()
    find(app.slider, ".across").set_value((10, 70)).run()
    find(app.slider, ".down").set_value((4, 34)).run()
    assert "60 × 30 of 96 × 64 pixels" in text(app)
    find(app.button, "crop.use").click().run()
    assert not app.exception
    now = asked(app)
    assert now.samples == (f"{ref}#crop=60x30+10+4",) and now.size == "16x32"
    whole = decode(content(), "a").pixels
    pictures = data.load(build({"samples": now.samples, "size": "30x60"}))
    assert np.array_equal(np.rint(pictures.images[0] * 255), whole[4:34, 10:70].transpose(2, 0, 1))
    worked(store)
    app.run()
    find(app.button, "crop.all").click().run()
    assert asked(app).samples == (ref,) and asked(app).size == "21x32"  # 64 x 96, whole


def test_a_square_is_chosen_by_its_side(store):
    app = lab()
    app.file_uploader(key="sample_file").set_value([("wide.png", content(), "image/png")]).run()
    worked(store)
    app.run()
    find(app.slider, ".side").set_value(40).run()
    find(app.slider, ".left").set_value(56).run()
    find(app.button, "crop.use").click().run()
    assert asked(app).samples[0].endswith("#crop=40x40+56+0") or "#crop=40x40+56+" in asked(app).samples[0]
    assert asked(app).size is None or isinstance(asked(app).size, int)


def test_values_of_many_bits_have_a_window_to_set(store):
    file = io.BytesIO()
    Image.fromarray((np.arange(64 * 64).reshape(64, 64)).astype(np.uint16)).save(file, "PNG")
    app = lab()
    app.file_uploader(key="sample_file").set_value([("ct.png", file.getvalue(), "image/png")]).run()
    ref = asked(app).samples[0]
    worked(store)
    app.run()
    assert find(app.number_input, ".low").value == 0 and find(app.number_input, ".high").value == 4095
    find(app.number_input, ".low").set_value(1000.0).run()
    find(app.button, ".set").click().run()
    assert asked(app).samples == (f"{ref}#range=1000..4095",)


def test_a_damaged_picture_says_so_under_the_pictures(store):
    app = lab()
    app.file_uploader(key="sample_file").set_value([("cut.png", content()[:200], "image/png")]).run()
    worked(store)
    app.run()
    assert "The uploaded picture is not a readable picture: this PNG file is damaged or cut short" in text(app)


def find(many, ending: str):
    """The widget whose key ends so."""
    found = [w for w in many if w.key and w.key.endswith(ending)]
    assert len(found) == 1, [w.key for w in many]
    return found[0]


@pytest.mark.parametrize("view", ["#crop=8x8+0+0", "#range=0..9", "#window=1/2#crop=1x1+0+0"])
def test_a_browser_may_look_at_what_it_may_name(view):
    digest = "a" * 64
    assert data.browser_allowed(f"upload:{digest}{view}") and data.browser_allowed(f"bundled/coffee{view}")
    assert not data.browser_allowed(f"/etc/passwd{view}") and not data.browser_allowed(f"bundled/coffee#crop={view}")
