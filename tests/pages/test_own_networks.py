"""Runs of a person's own network on the pages: shown, never imported, never run again from there."""

from __future__ import annotations

import sys

import pytest

from gi_core.settings import Experiment
from gi_core.settings.own_network import OwnNetwork
from pages.shared import link
from tests import pages_fakes as fakes
from tests.pages.opened import lab, opened, text, widget

SOURCES = {"memory:Net-0123456789ab": "lives in the Python process", "pickle:loads": "code of yours"}
CASES = [(source, sentence) for source, sentence in SOURCES.items()]


def asked(source: str) -> Experiment:
    return Experiment(size=fakes.SIDE, model=OwnNetwork(source=source, classes=10))


@pytest.mark.parametrize(("source", "sentence"), CASES)
def test_a_run_is_shown_and_not_run_again(store, source, sentence):
    run = fakes.run(store, experiment=asked(source))
    app = lab(run=run)
    assert not app.exception and "gi-done" in text(app)
    assert source.removeprefix("memory:") in text(app) and sentence in text(app)
    before = len(store.jobs())
    fakes.button(app, "again").click().run()
    assert len(store.jobs()) == before and sentence in text(app)


@pytest.mark.parametrize("page", ["lab", "rank", "influence", "federation", "updates", "sweeps"])
def test_a_link_with_such_a_network_imports_nothing(store, page):
    name = "antigravity"  # importing it would open a browser
    app = opened(page, experiment=link.encode(asked(f"{name}:geohash")))
    assert not app.exception and name not in sys.modules


def test_a_worker_refuses_it(store, gi_home):
    from gi_core.settings import problems

    found = [p for p in problems(asked("antigravity:geohash")) if p.fatal]
    assert found and found[0].field == "model"


def test_another_network_can_be_chosen(store):
    app = lab(run=fakes.run(store, experiment=asked("memory:Net-0123456789ab")))
    picker = widget(app, "selectbox", "model")
    assert picker.value == "own" and "lenet" in str(picker.options).lower()
    picker.select("lenet").run()
    assert not app.exception and "lives in the Python process" not in text(app)
