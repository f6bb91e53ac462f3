"""The text in a picture, enlarged beside what came back of it."""

from __future__ import annotations

from gi_core.data import bundled
from gi_core.settings import build
from pages.shared.result import legible
from tests import pages_fakes as fakes
from tests.pages.opened import lab, text


def test_the_name_is_shown_large(store):
    asked = build({"samples": ["bundled/faces:0", "bundled/patient"], "size": 32, "attack": {"kind": "dlg"}})
    run = fakes.run(store, experiment=asked)
    assert "Can you read the name?" in text(lab(run=run))
    assert "Can you read" not in text(lab(run=run, view="attacker")) and "by other attacks" not in text(lab(run=run))
    fakes.run(store, experiment=build({"samples": ["bundled/patient"], "size": 32}))
    page = text(lab(run=run))
    assert "The same by other attacks" in page and page.count("<figcaption>Levenberg-Marquardt") == 1
    assert "Can you read" not in text(lab(run=fakes.run(store)))


def test_the_crop_holds_the_text_and_nothing_else():
    crop = legible.text(bundled.picture("patient"))
    black_or_white = (crop.max(2) < 40) | (crop.min(2) > 200)
    assert crop.shape[1] == legible.WIDTH and crop.shape[2] == 3
    assert black_or_white.mean() > 0.93 and (crop > 200).mean() > 0.05
    assert legible.text(bundled.picture("patient")[:, :, :1]).shape == crop.shape
