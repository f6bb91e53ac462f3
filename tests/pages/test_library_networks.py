"""A network of torchvision or timm, which no form offers, opens on every page that shows networks."""

from __future__ import annotations

import pytest

from gi_core.settings import Experiment, problems
from gi_core.settings.library_network import LibraryNetwork
from pages.shared import link
from tests import pages_fakes as fakes
from tests.pages.opened import lab, opened, text, widget

SOURCE = "torchvision:mnasnet0_5"


def asked() -> Experiment:
    return Experiment(size=64, channels=3, model=LibraryNetwork(source=SOURCE, classes=10, batch_norm=True))


def test_a_run_is_shown_and_may_be_asked_again(store):
    assert [p.reason for p in problems(asked()) if p.fatal] == []
    app = lab(run=fakes.run(store, experiment=asked()))
    assert not app.exception and SOURCE in text(app)
    before = len(store.jobs())
    fakes.button(app, "again").click().run()
    assert not app.exception and len(store.jobs()) == before + 1


@pytest.mark.parametrize("page", ["lab", "rank", "influence", "federation", "updates", "sweeps"])
def test_a_link_with_it_opens(store, page):
    app = opened(page, experiment=link.encode(asked()))
    assert not app.exception, app.exception
    assert "no module was loaded" not in text(app)


def test_another_network_can_be_chosen(store):
    app = lab(run=fakes.run(store, experiment=asked()))
    picker = widget(app, "selectbox", "model")
    assert picker.value == "library"
    picker.select("lenet").run()
    assert not app.exception and widget(app, "selectbox", "model").value == "lenet"
