"""The page that checks a deployment: answers in the address, the start, and the finding as it comes."""

from __future__ import annotations

from gi_core.deployment import deployment, question
from gi_core.jobs import sweeps
from tests import pages_fakes as fakes
from tests.pages.opened import opened, text

ASKED = {"network": "transformer", "server": "honest", "pictures": "1", "protection": "dp8"}


def test_the_address_holds_the_answers(store):
    app = opened("deployment", **ASKED)
    assert app.selectbox(key="deployment_network").value == "transformer"
    assert app.selectbox(key="deployment_size").value == "unknown"
    app.selectbox(key="deployment_network").set_value("plain").run()
    assert app.query_params["network"] in ("plain", ["plain"])
    assert "taken as what leaks most" in str([one.label for one in app.expander])


def test_an_answer_that_is_none_counts_as_not_known(store):
    assert opened("deployment", network="<b>").selectbox(key="deployment_network").value == "unknown"


def test_the_check_is_started_and_its_finding_grows(store):
    app = opened("deployment", **ASKED)
    app.button(key="deployment_run").click().run()
    (job,) = store.jobs(kinds=("sweep",))
    assert sweeps.sweep_of(store, job.id) == question(deployment(ASKED))
    assert "The first pictures come in a moment" in text(app)
    out = fakes.writer(store)
    for entry in sweeps.members(store, job.id):
        assert entry.job is not None, entry.refused
        out.take(entry.job.id)
        metrics = {"psnr": 60.0, "mse": 1e-6, "ssim": 0.99}
        result = {"status": "done", "seconds": 1.0, "iterations": 3, "model": {"parameters": 5}, "metrics": metrics}
        out.finish(entry.job.id, "done", result)
    said = text(opened("deployment", **ASKED))
    assert "Private pictures can be read back" in said and "8 of 8 updates (68 to 100 %)" in said
    assert "What this does not say" in said
