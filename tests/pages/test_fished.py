"""Behind a server that fishes, pages speak of the pictures that were fished, not of the whole batch."""

from __future__ import annotations

from types import SimpleNamespace

from pages.shared.result import legible
from pages.shared.result.source import compared

BATCH = ["bundled/coffee", "bundled/patient", "bundled/chelsea"]


def job(server: dict | None, images: int | None):
    spec = {"samples": BATCH, **({"server": server} if server else {})}
    return SimpleNamespace(spec=spec, run_result=None if images is None else {"per_image": [{}] * images})


def test_pictures_are_counted_as_they_are_compared():
    assert compared(job(None, 3)) == 3
    assert compared(job({"kind": "fishing"}, None)) == 1
    assert compared(job({"kind": "fishing"}, 2)) == 2


def test_a_picture_is_looked_for_by_its_place_in_an_honest_batch_only():
    assert legible.index(job(None, 3)) == 1
    assert legible.index(job({"kind": "fishing"}, 1)) is None
