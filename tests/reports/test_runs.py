"""The report of runs: what it says, that it is whole in itself, that nothing a person typed is markup, what it withholds."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from gi_core.jobs.store import Store
from gi_core.reports import judging, runs, taken, writing
from gi_core.reports.page import html_page
from gi_core.settings import SpecError, build
from tests import pages_fakes as fakes

EVIL = "<img src=x onerror=zzz>\"'><script>zzz</script></style>"
THREE = ["bundled/astronaut", "bundled/chelsea", "bundled/coffee"]


@pytest.fixture
def store(gi_home) -> Store:
    return Store(gi_home)


def page(store: Store, *ids: str, truth: bool = True) -> str:
    return html_page(runs.report([taken.of_store(store, one, truth) for one in ids]))


def written(document: str) -> str:
    """The document without what its scripts are made of."""
    return re.sub(r"<script>.*?</script>", "", document, flags=re.DOTALL)


def embedded(document: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', written(document))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_it_says_what_came_back_and_keeps_every_pixel(store):
    run = fakes.run(store, title="My run")
    document = page(store, run)
    original, answer, apart = embedded(document)
    assert (original == store.originals(run)[0]).all()
    assert (answer == store.snapshot(run, store.snapshots(run)[-1])[0, 0]).all()
    assert (apart == np.abs(original.astype(int) - answer.astype(int))).all()
    for said in (
        "My run",
        "Exposed",
        "60.0 dB",
        "not measured",
        "python -m gi_core attack",
        "import gi_core as gi",
        "Ligeng Zhu",
    ):
        assert said in document
    for heading in (
        "What came back",
        "In numbers",
        "What this does not say",
        "How it was measured",
        "To repeat it",
        "References",
    ):
        assert f"<h2>{heading}" in document


def test_nothing_in_it_leads_elsewhere(store):
    document = page(store, fakes.run(store))
    assert document.count("plotly.js v") == 1
    assert not re.findall(r'(?:src|href|action)="(?!data:)', written(document))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', document)[1]
    assert policy.startswith("default-src 'none'") and "http" not in policy and "unsafe-eval" not in policy


def test_words_never_become_markup(store):
    run = fakes.run(store, title=EVIL)
    failed = fakes.run(store, "failed", title=EVIL + "2", error=EVIL)
    for document in (page(store, run), page(store, failed), page(store, run, failed)):
        assert "<img src=x" not in document and "<script>zzz" not in document and "&lt;img src=x" in document


def test_a_batch_shows_each_picture_and_its_numbers(store):
    run = fakes.run(store, experiment=build({"samples": THREE, "size": 32, "attack": {"kind": "inverting_gradients"}}))
    document = page(store, run)
    assert len(embedded(document)) == 9 and "Every picture of the batch" in document and "Original 3" in document


def test_runs_side_by_side_show_what_was_asked_differently(store):
    one = fakes.run(store)
    other = fakes.run(store, experiment=build({"size": 32, "seed": 5, "model": {"kind": "convnet"}}))
    document = page(store, one, other)
    differing = document.partition("What was asked differently")[2].partition("</table>")[0]
    assert "convnet" in differing and "<td>5</td>" in differing and "Normalisation" not in differing
    assert len(embedded(document)) == 3  # one original, two answers


def test_a_withheld_original_is_in_no_part_of_it(store):
    run = fakes.run(store, title="Astronaut, LeNet")
    told, hidden = page(store, run), page(store, run, truth=False)
    hidden = written(hidden)
    assert len(embedded(hidden)) == 1 and "stronaut" not in hidden.replace("0 (astronaut)", "")
    for said in ("60.0 dB", "PSNR 60", "bundled/", "True labels", "0.980"):
        assert said not in hidden
    assert "The original is withheld" in hidden and "60.0 dB" in told
    assert "bundled/astronaut" in told and judging.level(taken.of_store(store, run, False)) == "unknown"


def test_a_run_that_failed_says_why_and_is_not_called_protected(store):
    run = taken.of_store(store, fakes.run(store, "failed", error="the disk is full"))
    assert judging.level(run) == "unknown" and "the disk is full" in html_page(runs.report([run]))


def test_a_level_is_that_of_the_worst_picture_and_never_better_than_what_is_known():
    assert judging.worst(["protected", "unknown"]) == "unknown"
    assert judging.worst(["protected", "partly", "unknown"]) == "partly"
    assert judging.worst(["exposed", "protected"]) == "exposed" and judging.worst([]) == "unknown"


def test_a_run_in_memory_needs_no_store(tmp_path):
    images = np.linspace(0, 1, 3 * 64).reshape(1, 3, 8, 8)
    asked = build({"size": 8}).model_dump(mode="json")
    run = taken.of_memory(asked, {"status": "done", "metrics": {}, "per_image": []}, images, images, title="Mine")
    place = writing.write(run, tmp_path / "mine.html")
    shown = embedded(place.read_text())
    assert (shown[1] == (images[0] * 255).round().transpose(1, 2, 0)).all() and (shown[2] == 0).all()
    with pytest.raises(SpecError, match="with 1 or 3 channels"):
        taken.of_memory(asked, {}, images[0])


@pytest.mark.parametrize("name", ["a.txt", "a", "nowhere/a.html", ".html/"])
def test_a_file_that_cannot_be_is_refused_in_a_sentence(store, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = taken.of_store(store, fakes.run(store))
    with pytest.raises(SpecError, match="ends with|folder that exists"):
        writing.write(run, name)


def test_too_many_or_no_runs_are_refused(store):
    run = taken.of_store(store, fakes.run(store))
    with pytest.raises(SpecError, match="not 27"):
        runs.report([run] * 27)
    with pytest.raises(SpecError, match="there is no run"):
        taken.of_store(store, "0" * 12)
