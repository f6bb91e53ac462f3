"""The page that checks a deployment: answers in the address, the start, and the finding as it comes."""

from __future__ import annotations

import pytest

from gi_core.deployment import deployment, job_files, question
from gi_core.jobs import sweeps
from gi_core.settings import SpecError
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


def test_files_of_a_job_fill_the_questions_and_say_what_was_read(store):
    app = opened("deployment", server="honest")
    content = b'{"executors": [], "components": [{"args": {"model": {"path": "nets.resnet18<b>"}, "local_epochs": 5}}]}'
    app.file_uploader(key="deployment_files").set_value([("config_fed_client.json", content, "application/json")]).run()
    (job,) = store.jobs(kinds=("inspect",))
    assert job.state == "queued" and "The files are read" in text(app)  # nothing is parsed in this process
    out = fakes.writer(store)
    out.take(job.id)
    out.finish(job.id, "done", {"status": "done", "described": job_files.answer(job.spec)})
    app.run()
    assert app.selectbox(key="deployment_network_1").value == "residual" and app.query_params["steps"] in ("5", ["5"])
    assert app.selectbox(key="deployment_server_1").value == "unknown"
    said = text(app)
    assert "2 of 8 questions answered" in said and "nets.resnet18&lt;b&gt;" in said and "resnet18<b>" not in said
    app.selectbox(key="deployment_network_1").set_value("plain").run()  # a person knows better
    assert app.selectbox(key="deployment_network_1").value == "plain"


def test_a_file_that_is_no_job_is_one_sentence(store):
    app = opened("deployment")
    app.file_uploader(key="deployment_files").set_value([("meta.json", b'{"a": 1}', "application/json")]).run()
    (job,) = store.jobs(kinds=("inspect",))
    with pytest.raises(SpecError) as caught:
        job_files.answer(job.spec)
    out = fakes.writer(store)
    out.take(job.id)
    out.finish(job.id, "failed", error=str(caught.value))
    app.run()
    assert "meta.json is no configuration of a job" in text(app)
